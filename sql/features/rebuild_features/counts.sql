-- One row: how many users were computed anew, and how many of them are not as they are stored.
-- params: none
select
    (select count(*) from rebuilt_users) as users,
    (select count(*) from touched_users) as changed
