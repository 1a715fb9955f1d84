-- Drops accepted rows that are no longer among the open ones, because their user was erased since they were read.
-- params: none
delete from accepted
where not exists (
    select 1
    from rejected_events
    where
        rejected_events.batch_id = accepted.batch_id
        and rejected_events.source_file = accepted.source_file
        and rejected_events.row_number = accepted.row_number
        and rejected_events.replayed_in is null
)
