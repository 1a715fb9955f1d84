-- One row per user who is at risk in their window, highest risk first; with a $search, per user with that id prefix.
-- total: the number of all such users. history: the probabilities of the user's predictions, oldest first.
-- $cohort: a column of the registration that must have $cohort_value, or empty. $hour: of the registration, or null.
-- $ids: the ids to choose from, null for all.
-- params: $now, $since, $search, $choice, $cohort, $cohort_value, $hour, $ids, $registering, $sort, $row_limit, $skip
with latest as (
    select
        user_id,
        max(scored_at) as scored_at,
        arg_max(probability, batch_id) as probability,
        arg_max(predicted, batch_id) as predicted,
        arg_max(model_version, batch_id) as model_version
    from predictions
    where scored_at >= $since and starts_with(user_id, $search)
    group by user_id
),

cohort as (
    select distinct user_id
    from events
    where
        $cohort != '' and list_contains($registering, event_type) and event_time >= $since
        and json_extract_string(to_json(events), '$."' || coalesce(nullif($cohort, ''), 'none') || '"') = $cohort_value
),

wanted as (
    select
        users.user_id,
        users.registered_at,
        users.window_start,
        users.window_end,
        users.last_seen_at,
        json_extract_string(to_json(users), '$.label') as label,
        coalesce(users.window_start <= $now and users.window_end >= $now, false) as is_in_window,
        latest.* exclude (user_id)
    from users
    left join latest on users.user_id = latest.user_id
    where
        users.registered_at is not null
        and ($search != '' or (users.window_start <= $now and users.window_end >= $now and users.closed_at is null))
        and starts_with(users.user_id, $search)
        and ($cohort = '' or users.user_id in (select cohort.user_id from cohort))
        and ($ids is null or users.user_id in (select unnest(cast($ids as varchar[]))))
        and ($hour is null or hour(users.registered_at) = $hour)
        and (
            $choice = 'all'
            or $choice = case predicted when true then 'predicted' when false then 'not_predicted' else 'not_scored' end
        )
),

sorted as (
    select
        *,
        count(*) over () as total,
        case ltrim($sort, '-')
            when 'registered_at' then epoch(registered_at)
            when 'window_end' then epoch(window_end)
            when 'last_seen_at' then epoch(last_seen_at)
            when 'scored_at' then epoch(scored_at)
            when 'model_version' then cast(model_version as double)
            else probability
        end * case when starts_with($sort, '-') then -1 else 1 end as place
    from wanted
),

page as (
    select *
    from sorted
    order by place asc nulls last, user_id asc
    limit $row_limit offset $skip
),

history as (
    select
        user_id,
        list(probability order by batch_id) as probabilities,
        arg_max(predictions, batch_id) as newest
    from predictions
    where user_id in (select page.user_id from page) and scored_at >= $since
    group by user_id
)

select
    page.* exclude (place),
    list_slice(history.probabilities, -20, -1) as history,
    history.newest.reasons,
    to_json(history.newest) as newest
from page
left join history on page.user_id = history.user_id
order by page.place asc nulls last, page.user_id asc
