-- One row per user whose row in users, or one of whose rows in feature_state, differs from the recomputed one.
-- params: none
with gone as (
    select *
    from users
    except all
    select *
    from rebuilt_users
),

added as (
    select *
    from rebuilt_users
    except all
    select *
    from users
),

gone_states as (
    select *
    from feature_state
    except all
    select *
    from rebuilt_feature_state
),

added_states as (
    select *
    from rebuilt_feature_state
    except all
    select *
    from feature_state
)

select user_id
from gone
union
select user_id
from added
union
select user_id
from gone_states
union
select user_id
from added_states
