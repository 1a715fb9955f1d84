-- One row per hash of an arriving file that was rewritten without an erased user.
-- params: $arriving
select
    sha256,
    min(original_sha256) as original_sha256
from rewritten_files
where list_contains($arriving, sha256)
group by sha256
