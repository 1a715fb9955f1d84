-- One row per mature user and draw: the next moment at which the user is scored after a random time of the window.
-- One that is chosen by what came before it is a fair one: to weight moments by what came afterwards would tell the
-- model about the future. Times are drawn by a hash, $draws of them in each interval between cut-offs.
-- params: $edges, $draws
-- reads: mature_windows, scored_moments
with intervals as (
    select
        cast(unnest($edges[:-2]) as bigint) as from_minute,
        cast(unnest($edges[2:]) as bigint) as to_minute
),

repetitions as (
    select unnest(range($draws)) as repetition
),

draws as (
    select
        mature_windows.user_id,
        intervals.from_minute,
        repetitions.repetition,
        mature_windows.window_start + to_microseconds(
            intervals.from_minute * 60000000 + cast(
                md5_number_lower(
                    concat_ws('/', mature_windows.user_id, intervals.from_minute, repetitions.repetition)
                ) % ((intervals.to_minute - intervals.from_minute) * 60000000) as bigint
            )
        ) as drawn_at
    from mature_windows
    cross join intervals
    cross join repetitions
)

select
    draws.user_id,
    scored_moments.as_of,
    scored_moments.scored_because,
    row_number() over (partition by draws.user_id order by draws.from_minute, draws.repetition) as draw
from draws
asof join scored_moments
    on draws.user_id = scored_moments.user_id and draws.drawn_at <= scored_moments.as_of
