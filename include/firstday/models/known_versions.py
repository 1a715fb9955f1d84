"""Registered versions for a DAG's form, from MLflow's local database: importing MLflow takes seconds at each parse."""

import sqlite3
from contextlib import closing

from include.firstday.settings import settings

VERSIONS = """
select model_versions.version, group_concat(registered_model_aliases.alias, ',')
from model_versions
left join registered_model_aliases
    on model_versions.name = registered_model_aliases.name
    and model_versions.version = registered_model_aliases.version
where model_versions.name = ?
group by model_versions.version
order by model_versions.version desc
"""


def known_versions(name: str) -> dict[int, str]:
    """Version → its name in the form, with its aliases, newest first; none where MLflow is another server."""
    kind, _, path = settings().tracking_uri.partition("sqlite:///")
    if kind or not path:
        return {}
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as database:
            rows = database.execute(VERSIONS, (name,)).fetchall()
    except sqlite3.Error:  # not made yet, or busy: the form takes a number then
        return {}
    return {int(version): ", ".join([f"version {version}", *_sorted(aliases)]) for version, aliases in rows}


def _sorted(aliases: str | None) -> list[str]:
    return sorted(aliases.split(",")) if aliases else []
