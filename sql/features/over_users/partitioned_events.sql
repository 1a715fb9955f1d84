-- One row per raw event of some micro-batches, with the partition of its user. The name of its file is not needed.
-- A parameter has a sign: without the cast the remainder would be one of 128 bits, and twice as dear.
-- params: $first_batch, $last_batch, $partitions
select
    * replace ('' as source_file),
    hash(user_id) % cast($partitions as ubigint) as user_partition
from events
where batch_id >= $first_batch and batch_id <= $last_batch
