"""Spark on two cores of this machine: read with a schema, groupBy, join. Its session is made before the time begins."""

import time

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from tests.bench.contenders import MEASURES, Rows, by_user

SCHEMA = "user_id string, event_type string, event_time timestamp, postcode string, " + ", ".join(
    f"{column} decimal(18, 2)" for column in MEASURES.values()
)


def run(events: str, postcodes: str) -> tuple[float, Rows]:
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", 2)
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .getOrCreate()
    )
    spark.sparkContext.setLogLevel("ERROR")
    known = spark.read.parquet(postcodes).select("postcode", "socioeconomic_idx").cache()
    known.count()
    aggregates = [
        made(column)
        for column in MEASURES.values()
        for made in (f.sum, f.avg, f.count, f.var_samp)
    ]  # fmt: skip
    begun = time.perf_counter()
    features = (
        spark.read.schema(SCHEMA)
        .json(events)
        .groupBy("user_id")
        .agg(f.max("postcode").alias("postcode"), *aggregates)
        .join(known, "postcode", "left")
        .drop("postcode")
        .collect()
    )
    seconds = time.perf_counter() - begun
    spark.stop()
    return seconds, by_user((row["user_id"], row["socioeconomic_idx"], *row[1:-1]) for row in features)
