"""Makes a use case's part of the lake ready: tables, view, progress and enrichment. Safe to repeat."""

from include.firstday.lake import lake
from include.firstday.lake.lake import SPLIT_STAGES, STAGES, Lake, Run
from include.firstday.lake.shards import ALL
from include.firstday.records import readers
from include.firstday.records.contract import enrichment_rules, expected, typed_rows
from include.firstday.schema import fingerprint, migrate
from include.firstday.schema.readiness import is_ready, sql_sha256
from include.firstday.use_case.use_case import UseCase, UseCaseError

TABLES = (
    "micro_batches",
    "rejected_events",
    "consumed_files",
    "progress",
    "built_from",
    "feature_sources",
    "forgotten_users",
    "monitoring",
    "champions",
    "deliveries",
    "failing_targets",
)
PARTITIONED = ("events", "rejected_events", "predictions", "shadow_predictions")


def prepare(use_case: UseCase) -> None:
    """Create or migrate the tables in one transaction. Raises LakeError or UseCaseError, and nothing has changed."""
    lake.create_schema(use_case.name)
    with lake.connect(use_case.name, Run(task="prepare")) as opened, opened.transaction():
        if "built_from" in opened.tables() and is_ready(opened, use_case):
            return  # another process was quicker
        existing = opened.tables()
        if existing:
            migrate.upgrade(opened, _wanted(use_case))
        create(opened, use_case)
        for table in PARTITIONED:
            if table not in existing:
                opened.execute(f"lake/{table}_partition")
        opened.execute(
            "schema/open_lake/insert_built_from",
            sql_sha256=sql_sha256(use_case),
            schema_version=migrate.SCHEMA_VERSION,
            now=lake.now(),
        )


def create(opened: Lake, use_case: UseCase) -> None:
    """Create what is missing of a use case's tables, its view, its enrichment and the stages' progress.

    Raises UseCaseError where the use case's files contradict each other.
    """
    own = f"use_cases/{use_case.name}"
    existing = opened.tables()
    for path in (f"{own}/events", *(f"lake/{table}" for table in TABLES), "lake/feature_state"):
        opened.execute(path)
    for table, file in use_case.enrichment.items():
        if table not in existing:
            _create_enrichment(opened, use_case, table, file)
    opened.build("features/update_features/no_scope_events", into="scope_events")
    opened.build(f"{own}/registrations")
    opened.execute("lake/users")
    opened.create_view(f"{own}/user_features")
    _check_features(opened, use_case)
    opened.execute("lake/predictions")
    opened.execute("lake/shadow_predictions")
    _start_progress(opened)
    if not opened.has_rows("feature_sources"):
        fingerprint.note(opened, use_case)


def _start_progress(opened: Lake) -> None:
    unsplit = set(STAGES) - set(SPLIT_STAGES)
    for row in opened.rows("lake/checkpoints/stages_without_progress", stages=sorted(unsplit)):
        opened.execute("lake/checkpoints/start_progress", stage=row["stage"], now=lake.now())
    for stage in SPLIT_STAGES:
        if not opened.progress_of(stage, ALL):
            opened.execute("lake/checkpoints/start_buckets", stage=stage, buckets=list(ALL), now=lake.now())
            opened.execute("lake/checkpoints/delete_unsplit_progress", stage=stage)


def _wanted(use_case: UseCase) -> dict[str, lake.Columns]:
    """The columns of every table, as this code and the use case's files would make it."""
    with lake.scratch(use_case.name) as empty:
        create(empty, use_case)
        return {table: empty.columns(table) for table in empty.tables()}


def _create_enrichment(opened: Lake, use_case: UseCase, table: str, file: str) -> None:
    opened.execute(f"use_cases/{use_case.name}/enrichment/{table}")
    columns = expected(opened.columns(table))
    readers.read_whole(opened, use_case.folder / file, columns)
    rules = enrichment_rules(next(iter(columns)))
    opened.build_text("arriving_rows", typed_rows(columns, opened.columns("given_rows"), rules))
    opened.build("records/contract/broken_rows")
    broken = opened.rows("records/contract/refused_records")
    if broken:
        raise UseCaseError(f"{use_case.folder / file}: row {broken[0]['row_number']}: {broken[0]['reason']}")
    opened.insert(table, "records/contract/good_rows", batch_id=0)


def _check_features(opened: Lake, use_case: UseCase) -> None:
    missing = [name for name in use_case.features if name not in opened.columns("user_features")]
    if missing:
        raise UseCaseError(
            f"{use_case.folder / 'use_case.yaml'}: features: expected columns of "
            f"sql/use_cases/{use_case.name}/user_features.sql, found {', '.join(missing)}"
        )
