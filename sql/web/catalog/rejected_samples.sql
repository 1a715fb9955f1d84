-- One row per rejected row pending replay, the latest few of each rule.
-- params: $each
select
    split_part(reason, ', found', 1) as rule,
    reason,
    batch_id,
    source_file,
    row_number,
    raw,
    header,
    rejected_at
from rejected_events
where replayed_in is null
qualify row_number() over (partition by rule order by rejected_at desc, row_number asc) <= $each
order by rule asc, rejected_at desc, row_number asc
