-- One row per rejected row whose text contains any of the given words.
-- params: $words
select
    batch_id,
    source_file,
    row_number,
    raw
from rejected_events
where raw is not null and len(list_filter($words, lambda word: contains(raw, word))) > 0
