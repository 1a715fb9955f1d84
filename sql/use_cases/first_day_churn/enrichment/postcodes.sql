-- One row per postcode and correction: the socioeconomic index of its area. The latest micro-batch counts.
-- params: none
create table if not exists postcodes (
    postcode varchar not null, -- key
    socioeconomic_idx double, -- index of the area
    batch_id bigint not null -- micro-batch of the correction; 0: initial rows
)
