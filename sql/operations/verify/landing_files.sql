-- One row per landing file in the ledger, with the commit time of its micro-batch, oldest first.
-- params: none
select
    consumed_files.batch_id,
    consumed_files.source_file,
    consumed_files.bytes,
    consumed_files.sha256,
    micro_batches.committed_at
from consumed_files
inner join micro_batches on consumed_files.batch_id = micro_batches.batch_id
order by consumed_files.batch_id, consumed_files.source_file
