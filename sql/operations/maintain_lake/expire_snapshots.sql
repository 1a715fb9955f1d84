-- Expires snapshots by their ids; a day or more old, so that no open transaction can need them.
-- params: $versions
call ducklake_expire_snapshots('lake', versions => $versions)
