"""Lineage: complete, what the statements read, and what the DAGs say of themselves."""

import ast
import re
from itertools import pairwise

from include.firstday.lake.checkpoints import MICRO_BATCH_STAGES
from include.firstday.lake.statements import SQL
from include.firstday.lake.table_names import tables_read
from include.firstday.schema.open_lake import open_lake
from include.firstday.settings import REPOSITORY
from include.firstday.use_case.use_case import UseCase
from include.firstday.web import lineage
from include.firstday.web.reader import Reader


def test_each_table_of_data_has_an_origin_and_each_edge_its_ends(churn: UseCase) -> None:
    with open_lake(churn) as lake:
        tables = lake.tables()
    reader = Reader(churn)
    found = lineage.lineage(reader)
    reader.close()
    made = {edge.target for edge in found.edges}
    of_the_lake_itself = {
        "alert_states", "checkpoints", "consumed_files", "delivery_failures", "feature_fingerprint", "file_hashes",
        "model_checks", "narrow_statistics", "rewritten_files", "schema_history", "tombstones", "recent_state",
    }  # fmt: skip
    assert tables - made <= of_the_lake_itself
    names = {node.name for node in found.nodes}
    assert {name for edge in found.edges for name in (edge.source, edge.target)} == names
    chain = (
        (
            "landing",
            "events",
            "feature_state",
            "feature_values",
            "user_features",
            "predictions",
            "deliveries",
            "effects",
        ),
        ("postcodes", "user_features"),
        ("rejected_events", "events"),
    )
    for part in chain:
        for source, target in pairwise(part):
            assert any((edge.source, edge.target) == (source, target) for edge in found.edges), (source, target)
    assert {node.kind for node in found.nodes if node.name == "user_features"} == {"view"}
    assert {edge.by for edge in found.edges if edge.target == "user_features"} == {"view"}


def test_what_is_read_is_what_the_statements_read(churn: UseCase) -> None:
    with open_lake(churn) as lake:
        tables = lake.tables()
        read = {step.name: step.reads & tables for step in lineage.steps(lake, churn)}
    assert read["update_features"] == {"events", "micro_batches", "users", "feature_state"}
    assert read["score_users"] == {"users", "feature_state", "user_features", "predictions", "promotions"}
    assert read["replay_rejected"] == {"rejected_events"}
    assert {"events", "users", "predictions", "shadow_predictions", "rejected_events"} <= read["monitor_model"]


def test_no_folder_of_statements_is_forgotten(churn: UseCase) -> None:
    """Each that reads tables of the lake is of a stage or DAG, or looks at the lake only."""
    with open_lake(churn) as lake:
        tables = lake.tables()
        names = {step.name for step in lineage.steps(lake, churn)}
    known = {folder for name in names for folder in lineage.folders(name)}
    assert all((SQL / folder).is_dir() for folder in known)
    only_looks = {
        "authoring/check_sample", "features/labels", "features/point_in_time", "operations/forget_user",
        "operations/preview_features", "operations/status", "operations/verify", "schema/migrate",
    }  # fmt: skip
    reading = {
        str(path.parent.relative_to(SQL))
        for path in SQL.rglob("*.sql")
        if path.relative_to(SQL).parts[0] not in ("web", "use_cases", "lake")
        and tables_read(path.read_text(encoding="utf-8")) & tables
    }
    assert reading - only_looks <= known
    assert only_looks & known == set()


def test_the_stages_write_what_process_events_says(churn: UseCase) -> None:
    text = ast.get_docstring(ast.parse((REPOSITORY / "dags" / "process_events.py").read_text())) or ""
    writes = re.search(r"\*\*Writes\*\* (.*?)\.", text, re.DOTALL)
    assert writes
    stages = lineage.stages(churn)
    assert tuple(stage.name for stage in stages) == MICRO_BATCH_STAGES
    assert {*re.findall(r"`(\w+)`", writes[1])} <= {table for stage in stages for table in stage.writes}


def test_dags_are_read_by_their_docstrings() -> None:
    found = {step.name: step for step in lineage.described()}
    assert found["replay_rejected"].reads >= {"rejected_events"}
    assert found["rollback_model"].reads >= {"promotions", "MLflow"}
    assert found["monitor_model"].writes == ("monitoring",)
    assert found["generate_events"].writes == ("landing",)
    assert {"predictions", "promotions", "MLflow"} <= {*found["train_model"].writes}
    assert {"deliveries", "experiments", "targets"} <= {*found["deliver_predictions"].writes}
    assert "process_events" not in found
