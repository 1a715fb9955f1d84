-- One row per accepted row that was dismissed, or stored by another replay, since it was read.
-- params: none
select accepted.row_number
from accepted
inner join rejected_events
    on
        accepted.batch_id = rejected_events.batch_id
        and accepted.source_file = rejected_events.source_file
        and accepted.row_number = rejected_events.row_number
where rejected_events.replayed_in is not null
