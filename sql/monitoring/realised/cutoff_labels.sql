-- One row per user and cut-off whose horizon ended lately: the label.
-- params: none
-- reads: labels, moments
select labels.*
from labels
inner join moments on labels.user_id = moments.user_id and labels.as_of = moments.as_of
where moments.is_cutoff
