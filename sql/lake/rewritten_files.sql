-- One row per landing file that was rewritten without an erased user: its hash, and the hash that it arrived with.
-- params: none
create table if not exists rewritten_files (
    sha256 varchar not null,
    original_sha256 varchar not null,
    rewritten_at timestamp not null
)
