-- Forgets the sources of features that are about to be replaced.
-- params: none
delete from feature_fingerprint
