-- Expires snapshots by id; at least a day old, so that no open transaction can need them.
-- params: $versions
call ducklake_expire_snapshots('lake', versions => $versions)
