"""Whether a use case's tables match the present statements."""

import hashlib

from include.firstday.lake import statements
from include.firstday.lake.lake import Lake
from include.firstday.schema import migrate
from include.firstday.use_case.recent import as_json
from include.firstday.use_case.use_case import UseCase


def sql_sha256(use_case: UseCase) -> str:
    """Return the hash of all that defines the use case's tables and views: its own statements and the lake's."""
    folders = ("lake", f"use_cases/{use_case.name}", f"use_cases/{use_case.name}/enrichment")
    texts = [statements.statement(path).text for folder in folders for path in statements.below(folder)]
    if use_case.recent:  # its rules are part of a view
        texts.append(as_json(use_case.recent))
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def is_ready(lake: Lake, use_case: UseCase) -> bool:
    """Whether the tables match the present statements, and are of this code's schema version."""
    history = lake.rows_of("schema_history")
    latest = max(history, key=lambda row: row["built_at"], default={})
    return latest.get("schema_version") == migrate.SCHEMA_VERSION and latest["sql_sha256"] == sql_sha256(use_case)
