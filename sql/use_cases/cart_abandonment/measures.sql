-- One row per counted value: views and removals count 1, an addition its price. Items of `product` are products.
-- params: none
-- reads: window_events
select
    user_id,
    event_time,
    case
        when event_type in ('page_viewed', 'product_viewed') then 'view'
        when event_type = 'cart_added' then 'add'
        when event_type = 'cart_removed' then 'remove'
    end as measure,
    cast(null as varchar) as item,
    case when event_type = 'cart_added' then price else 1 end as value,
    batch_id
from window_events
where event_type in ('page_viewed', 'product_viewed', 'cart_added', 'cart_removed')
union all
select
    user_id,
    event_time,
    'product' as measure,
    product as item,
    1 as value,
    batch_id
from window_events
where event_type in ('product_viewed', 'cart_added')
