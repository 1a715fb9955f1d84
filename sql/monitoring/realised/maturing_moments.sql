-- One row per user and moment whose horizon ended lately, if it is over: the cut-offs of all users, scored or not, and
-- the moments of predictions, at most the window's end, as their features. None from the closing event on, as the user
-- was at risk no longer.
-- params: $upto, $cutoff_minutes, $ended_after
-- reads: mature_windows, predictions
with cutoffs as (
    select unnest($cutoff_minutes) as minutes
),

possible as (
    select
        mature_windows.user_id,
        mature_windows.window_start + to_minutes(cutoffs.minutes) as as_of,
        true as is_cutoff,
        mature_windows.closed_at
    from mature_windows
    cross join cutoffs
    union all
    select
        predictions.user_id,
        least(coalesce(predictions.as_of, predictions.scored_at), mature_windows.window_end) as as_of,
        false as is_cutoff,
        mature_windows.closed_at
    from predictions
    inner join mature_windows on predictions.user_id = mature_windows.user_id
    where predictions.batch_id <= $upto
)

select
    user_id,
    as_of,
    bool_or(is_cutoff) as is_cutoff
from possible
where as_of > $ended_after and (closed_at is null or as_of < closed_at)
group by user_id, as_of
