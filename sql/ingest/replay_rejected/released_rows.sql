-- One row per row whose time has come, still pending, that is no event: rejected by the rule that it breaks now, or
-- held again, where the clock was set back.
-- params: none
select
    rejected_events.* replace (
        coalesce(refused_again.reason, rejected_events.reason) as reason,
        refused_again.held_until as held_until
    )
from rejected_events
inner join open_rows
    on
        rejected_events.batch_id = open_rows.batch_id
        and rejected_events.source_file = open_rows.source_file
        and rejected_events.row_number = open_rows.row_number
left join refused_again
    on
        rejected_events.batch_id = refused_again.batch_id
        and rejected_events.source_file = refused_again.source_file
        and rejected_events.row_number = refused_again.row_number
where rejected_events.replayed_in is null
