-- One row per slice of the training set, of about $rows rows: the first and last opening of a window in it, in order.
-- params: $rows
-- reads: training_rows
with openings as (
    select
        window_start,
        sum(count(*)) over (order by window_start) as rows_up_to_it
    from training_rows
    group by window_start
)

select
    min(window_start) as from_start,
    max(window_start) as to_start
from openings
group by (rows_up_to_it - 1) // $rows
order by from_start
