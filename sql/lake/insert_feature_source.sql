-- Notes one source of the stored features.
-- params: $source, $sha256
insert into feature_sources
values ($source, $sha256)
