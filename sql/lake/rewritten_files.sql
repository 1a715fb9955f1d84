-- One row per landing file that was rewritten without an erased user: its hash, and the hash that it arrived with.
-- params: none
create table if not exists rewritten_files (
    sha256 varchar not null, -- hash of the rewritten file
    original_sha256 varchar not null, -- hash that it arrived with
    rewritten_at timestamp not null -- when it was rewritten
)
