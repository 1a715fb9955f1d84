-- One row per measure whose values look like ids: whole numbers of which nearly all differ, or of which each user has
-- one of their own, or under a name of ids.
-- params: none
-- reads: measures
with by_user as (
    select
        measure,
        user_id,
        count(*) as value_count,
        count(distinct value) as different,
        min(value) as value
    from measures
    where value is not null
    group by measure, user_id
),

owned as (
    select
        measure,
        count(*) filter (where value_count > 1) as users,
        max(different) = 1 and count(distinct value) > 0.9 * count(*) as is_owned
    from by_user
    group by measure
),

whole as (
    select
        measure,
        count(*) as value_count,
        count(distinct value) as different
    from measures
    where value is not null
    group by measure
    having bool_and(value = floor(value)) and count(distinct value) > 1
)

select
    whole.measure,
    whole.value_count,
    whole.different
from whole
inner join owned on whole.measure = owned.measure
where
    regexp_matches(whole.measure, '(^|_)(id|ids|uuid|key|code|no|nr|number|sku|zip|postcode)(_value)?$')
    or (whole.value_count >= 50 and whole.different > 0.9 * whole.value_count)
    or (owned.users >= 10 and owned.is_owned)
order by whole.measure
