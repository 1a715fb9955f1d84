-- One row per postcode and correction: the socioeconomic index of its area. The latest micro-batch counts.
-- params: none
create table if not exists postcodes (
    postcode varchar not null,
    socioeconomic_idx double,
    batch_id bigint not null
)
