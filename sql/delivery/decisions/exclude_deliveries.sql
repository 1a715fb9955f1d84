-- Records that decided predictions were not delivered after all, as their users must not be reached any more.
-- params: $target, $batch_id, $user_ids
update deliveries
set
    suppressed_because = case
        when user_id in (select users.user_id from users where users.closed_at is not null) then 'closed'
        else 'never'
    end
where target = $target and batch_id = $batch_id and list_contains($user_ids, user_id)
