-- One row per raw event up to a micro-batch, with the partition of its user. The name of its file is not needed.
-- params: $upto, $partitions
select
    * replace ('' as source_file),
    hash(user_id) % $partitions as user_partition
from events
where batch_id <= $upto
