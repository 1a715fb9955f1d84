-- Expires snapshots from before a moment; a day or more ago, so that no open transaction can need them.
-- params: $before
call ducklake_expire_snapshots('lake', older_than => $before)
