-- One row per user of an experiment whose outcome can be known by the watermark: when they entered it, and until when
-- the outcome counts.
-- params: $watermark, $outcome_seconds
-- reads: assigned_users
select
    user_id,
    assigned_at,
    assigned_at + to_seconds($outcome_seconds) as outcome_known_at
from assigned_users
where assigned_at + to_seconds($outcome_seconds) <= $watermark
