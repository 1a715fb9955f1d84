"""Polars: a lazy scan of the file, a group_by, a join, on the streaming engine."""

import time

import polars as pl

from tests.bench.contenders import AGGREGATES, MEASURES, Rows, by_user

SCHEMA = {
    "user_id": pl.String,
    "event_type": pl.String,
    "event_time": pl.String,
    "postcode": pl.String,
} | dict.fromkeys(MEASURES.values(), pl.Float64)


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    known = pl.read_parquet(postcodes).select("postcode", pl.col("socioeconomic_idx").cast(pl.Float64))
    aggregates = [
        getattr(pl.col(column), name)().alias(f"{measure}_{name}")
        for measure, column in MEASURES.items()
        for name in AGGREGATES
    ]
    begun = time.perf_counter()
    features = (
        pl.scan_ndjson(events, schema=SCHEMA)
        .with_columns(pl.col("event_time").str.to_datetime())
        .group_by("user_id")
        .agg(pl.col("postcode").drop_nulls().first(), *aggregates)
        .join(known.lazy(), on="postcode", how="left")
        .select("user_id", "socioeconomic_idx", pl.exclude("user_id", "socioeconomic_idx", "postcode"))
        .collect(engine="streaming")
    )
    seconds = time.perf_counter() - begun
    return seconds, by_user(features.iter_rows())
