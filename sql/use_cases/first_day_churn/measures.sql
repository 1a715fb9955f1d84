-- One row per counted value: which event counts towards which measure.
-- params: none
-- reads: window_events
select
    user_id,
    event_time,
    case event_type
        when 'new_purchases' then 'purchase'
        when 'new_bet' then 'bet'
        when 'new_win' then 'win'
    end as measure,
    cast(null as varchar) as item,
    case event_type
        when 'new_purchases' then amount
        when 'new_bet' then bet_amount
        when 'new_win' then win_amount
    end as value,
    batch_id
from window_events
where event_type in ('new_purchases', 'new_bet', 'new_win')
