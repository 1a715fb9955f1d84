-- One row per file that was rejected as a whole, with the latest reason.
-- params: none
select
    source_file,
    arg_max(reason, rejected_at) as reason
from rejected_events
where row_number is null
group by source_file
