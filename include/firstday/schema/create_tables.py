"""Create or migrate a use case's tables, view, checkpoints and enrichment. Safe to repeat."""

from include.firstday.errors import UseCaseError
from include.firstday.lake import checkpoints, clock, connections
from include.firstday.lake.lake import Columns, Lake
from include.firstday.lake.run import Run
from include.firstday.records import readers
from include.firstday.records.contract import VALID_FROM, enrichment_rules, expected, typed_rows
from include.firstday.schema import comments, fingerprint, migrate
from include.firstday.schema.readiness import is_ready, sql_sha256
from include.firstday.schema.value_type import build_value_type
from include.firstday.use_case.recent import as_json
from include.firstday.use_case.use_case import UseCase

TABLES = (
    "micro_batches",
    "rejected_events",
    "consumed_files",
    "checkpoints",
    "schema_history",
    "feature_fingerprint",
    "tombstones",
    "rewritten_files",
    "monitoring",
    "promotions",
    "deliveries",
    "delivery_failures",
    "decided_batches",
    "experiments",
    "effects",
    "alert_states",
    "model_checks",
)
# Table → the time column and its parts that its files are partitioned by. Not by the hour: what a statement costs grows
# with the number of the lake's files.
PARTITIONED = {
    "events": ("event_time", "year", "month", "day"),
    "rejected_events": ("rejected_at", "year", "month", "day"),
    "predictions": ("scored_at", "year", "month", "day"),
    "shadow_predictions": ("scored_at", "year", "month", "day"),
}
BY_WINDOW = {"users": "window_end", "feature_state": "last_at"}  # table → the time column that its files go by
PARQUET_VERSION = 2  # of data pages: delta encodings make events 40 % smaller, and quicker to write
LONGEST_BY_DAY, LONGEST_BY_MONTH = 3, 92  # days of a window whose users are kept by day, or by month; else by year
SORTED = {"consumed_files": "sha256"}  # table → the column that its files are sorted by, as a hash tells no time


def by_window(use_case: UseCase) -> dict[str, tuple[str, ...]]:
    """The partitions of `users` and `feature_state`: a micro-batch reads and writes those that open windows reach.

    About as long as a window, as each one costs a file.
    """
    days = use_case.window.hours / 24
    parts = ("year", "month", "day")[: 3 if days <= LONGEST_BY_DAY else 2 if days <= LONGEST_BY_MONTH else 1]
    return {table: (column, *parts) for table, column in BY_WINDOW.items()}


def prepare(use_case: UseCase) -> None:
    """Create or migrate the tables in one transaction. Raises LakeError or UseCaseError without any change."""
    connections.create_schema(use_case.name)
    with connections.connect(use_case.name, Run(task="prepare")) as lake, lake.transaction():
        if "schema_history" in lake.tables() and is_ready(lake, use_case):
            return  # another process was faster
        existing = lake.tables()
        if existing:
            migrate.migrate(lake, _wanted(use_case), use_case.window.hours * 3600, by_window(use_case), PARTITIONED)
        create(lake, use_case)
        for table, (column, *parts) in {**PARTITIONED, **by_window(use_case)}.items():
            if table not in existing:
                lake.partition_by(table, column, *parts)
        for table, column in SORTED.items():
            lake.sort_by(table, column)
        comments.write(lake, use_case)
        lake.set_parquet_version(PARQUET_VERSION)
        lake.insert_row(
            "schema_history",
            sql_sha256=sql_sha256(use_case),
            built_at=clock.now(),
            schema_version=migrate.SCHEMA_VERSION,
        )


def create(lake: Lake, use_case: UseCase) -> None:
    """Create a use case's missing tables, view, enrichment rows and checkpoints.

    Raises UseCaseError if the use case's files contradict each other.
    """
    own = f"use_cases/{use_case.name}"
    existing = lake.tables()
    for path in (f"{own}/events", *(f"lake/{table}" for table in TABLES), "lake/file_hashes"):
        lake.execute(path)
    for table, file in use_case.enrichment.items():
        if table not in existing:
            _create_enrichment(lake, use_case, table, file)
    lake.build_like("scope_events", "events")
    lake.build(f"{own}/registrations")
    lake.build_like("window_events", "events")
    lake.build(f"{own}/measures")
    build_value_type(lake, use_case, "measures")
    lake.execute("lake/feature_state")
    for name in ("scope_events", "window_events", "measures"):
        lake.drop(name)
    lake.execute("lake/users")
    if use_case.recent:
        lake.create_view("lake/recent_state", recent=as_json(use_case.recent))
    else:
        lake.create_view("lake/no_recent_state", into="recent_state")
    lake.create_view("lake/feature_values")
    lake.create_view(f"{own}/user_features")
    _check_features(lake, use_case)
    lake.execute("lake/predictions")
    lake.execute("lake/shadow_predictions")
    for stage in checkpoints.STAGES:
        if not checkpoints.exists(lake, stage):
            checkpoints.start(lake, stage)
    if not lake.has_rows("feature_fingerprint"):
        fingerprint.note(lake, use_case)


def _wanted(use_case: UseCase) -> dict[str, Columns]:
    """Return the columns of every table, as this code and the use case's files define them."""
    with connections.scratch(use_case.name) as empty:
        create(empty, use_case)
        return {table: empty.columns(table) for table in empty.tables()}


def _create_enrichment(lake: Lake, use_case: UseCase, table: str, file: str) -> None:
    lake.execute(f"use_cases/{use_case.name}/enrichment/{table}")
    if "batch_id" not in lake.columns(table):
        raise UseCaseError(
            f"sql/use_cases/{use_case.name}/enrichment/{table}.sql: expected a column `batch_id bigint not null`, the "
            f"micro-batch that a row is of, as training reads rows as of an earlier one; found "
            f"{', '.join(lake.columns(table))}"
        )
    columns = expected(lake.columns(table))
    if columns.get(VALID_FROM, "TIMESTAMP") != "TIMESTAMP":
        raise UseCaseError(
            f"sql/use_cases/{use_case.name}/enrichment/{table}.sql: valid_from: expected a timestamp, as a row counts "
            f"from then on, found {columns[VALID_FROM]}"
        )
    readers.read_whole(lake, use_case.folder / file, columns)
    rules = enrichment_rules(columns)
    lake.build_text("arriving_rows", typed_rows(columns, lake.columns("given_rows"), rules))
    lake.build("records/contract/broken_rows")
    lake.build("records/contract/first_reasons")
    broken = lake.rows("records/contract/refused_records")
    if broken:
        raise UseCaseError(f"{use_case.folder / file}: row {broken[0]['row_number']}: {broken[0]['reason']}")
    lake.insert(table, "records/contract/good_rows", batch_id=0)


def _check_features(lake: Lake, use_case: UseCase) -> None:
    columns = lake.columns("user_features")
    missing = [name for name in use_case.features if name not in columns]
    if missing:
        raise UseCaseError(
            f"{use_case.folder / 'use_case.yaml'}: features: expected columns of "
            f"sql/use_cases/{use_case.name}/user_features.sql, found {', '.join(missing)}"
        )
