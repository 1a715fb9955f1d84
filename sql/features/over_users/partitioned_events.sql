-- One row per raw event up to a micro-batch, with the partition of its user. The name of its file is not needed.
-- A parameter has a sign: without the cast the remainder would be one of 128 bits, and twice as dear.
-- params: $upto, $partitions
select
    * replace ('' as source_file),
    hash(user_id) % cast($partitions as ubigint) as user_partition
from events
where batch_id <= $upto
