-- One row per comparison of a bundled model's features with those that it was trained on, after its enrichment changed.
-- params: none
create table if not exists model_checks (
    model_version bigint not null, -- the bundled version
    enrichment_batch bigint not null, -- last micro-batch of the enrichment tables
    checked_at timestamp not null, -- when they were compared
    row_count bigint not null, -- users at cut-offs who were compared
    foreign_features varchar not null -- features beyond the limits of drift, with their index; empty: the model acts
)
