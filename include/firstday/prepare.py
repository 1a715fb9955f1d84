"""Makes a use case's part of the lake ready: tables, view, progress and enrichment. Safe to repeat; quick when done."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from include.firstday import feature_sources, lake, readers, sql, upgrade
from include.firstday.contract import enrichment_rules, expected, typed_rows
from include.firstday.lake import SPLIT_STAGES, STAGES, Lake, Run
from include.firstday.shards import ALL
from include.firstday.use_case import UseCase, UseCaseError

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


@contextmanager
def open_lake(use_case: UseCase, run: Run | None = None, read_only: bool = False) -> Iterator[Lake]:
    """Open the use case's part of the lake, making it ready first where it is not."""
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(lake.connect(use_case.name, run, read_only))
            is_ready = _is_ready(opened, use_case)
        except (lake.Unreadable, lake.LakeError):
            is_ready = False
        if not is_ready:
            stack.close()
            _prepare(use_case)
            opened = stack.enter_context(lake.connect(use_case.name, run, read_only))
        yield opened


def sql_sha256(use_case: UseCase) -> str:
    """Hash of every statement that shapes the use case's tables: its own and the lake's."""
    folders = ("lake", f"use_cases/{use_case.name}", f"use_cases/{use_case.name}/enrichment")
    texts = [sql.statement(path).text for folder in folders for path in sql.below(folder)]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _is_ready(opened: Lake, use_case: UseCase) -> bool:
    return bool(opened.value("lake/latest_built_from") == sql_sha256(use_case))


def _prepare(use_case: UseCase) -> None:
    lake.create_schema(use_case.name)
    with lake.connect(use_case.name, Run(task="prepare")) as opened, opened.transaction():
        if "built_from" in opened.tables() and _is_ready(opened, use_case):
            return  # another process was quicker
        existing = opened.tables()
        if existing:
            upgrade.upgrade(opened, _wanted(use_case))
        create(opened, use_case)
        for table in PARTITIONED:
            if table not in existing:
                opened.execute(f"lake/{table}_partition")
        opened.execute(
            "lake/insert_built_from",
            sql_sha256=sql_sha256(use_case),
            schema_version=upgrade.SCHEMA_VERSION,
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
    opened.build("stages/update_features/no_scope_events", into="scope_events")
    opened.build(f"{own}/registrations")
    opened.execute("lake/users")
    opened.create_view(f"{own}/user_features")
    _check_features(opened, use_case)
    opened.execute("lake/predictions")
    opened.execute("lake/shadow_predictions")
    _start_progress(opened)
    if not opened.has_rows("feature_sources"):
        feature_sources.note(opened, use_case)


def _start_progress(opened: Lake) -> None:
    unsplit = set(STAGES) - set(SPLIT_STAGES)
    for row in opened.rows("lake/stages_without_progress", stages=sorted(unsplit)):
        opened.execute("lake/start_progress", stage=row["stage"], now=lake.now())
    for stage in SPLIT_STAGES:
        if not opened.progress_of(stage, ALL):
            opened.execute("lake/start_buckets", stage=stage, buckets=list(ALL), now=lake.now())
            opened.execute("lake/delete_unsplit_progress", stage=stage)


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
    opened.build("stages/store_events/broken_rows")
    broken = opened.rows("stages/store_events/refused_records")
    if broken:
        raise UseCaseError(f"{use_case.folder / file}: row {broken[0]['row_number']}: {broken[0]['reason']}")
    opened.insert(table, "stages/store_events/good_rows", batch_id=0)


def _check_features(opened: Lake, use_case: UseCase) -> None:
    missing = [name for name in use_case.features if name not in opened.columns("user_features")]
    if missing:
        raise UseCaseError(
            f"{use_case.folder / 'use_case.yaml'}: features: expected columns of "
            f"sql/use_cases/{use_case.name}/user_features.sql, found {', '.join(missing)}"
        )
