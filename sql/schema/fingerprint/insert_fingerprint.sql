-- Notes one source of the stored features.
-- params: $source, $sha256, $now
insert into feature_fingerprint (source, sha256, noted_at)
values ($source, $sha256, $now)
