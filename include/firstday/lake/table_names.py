"""The tables that a statement reads and changes, by DuckDB's own parser."""

import json
import re
import threading
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from include.firstday.errors import QueryError
from include.firstday.lake.database import Database

_TREE = "select json_serialize_sql(cast($text as varchar))"
_OWN_SCHEMAS = ("", "main")  # others are of the catalog
_COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
_CHANGE = re.compile(  # at the beginning of a line: also after `with`
    r"^(delete|insert|update)\s+(?:from\s+|into\s+)?([\w.]+)(?:\s+by\s+name|\s+set)?", re.IGNORECASE | re.MULTILINE
)
_CREATION = re.compile(r"\s*create\s+table[\w\s.]*?(\sas\b|\()", re.IGNORECASE)
_CALL = re.compile(r"\s*call\b", re.IGNORECASE)
_NOTHING = "select null"
_LOCK = threading.Lock()


@lru_cache(maxsize=1000)
def tables_read(text: str) -> frozenset[str]:
    """Names of the tables and views that one statement reads, without what it defines itself by `with`.

    DuckDB gives the tree of a SELECT only: of other statements it is that of the SELECT in them. A DELETE and an UPDATE
    read what they change, a call nothing. Raises QueryError for what is no SQL.
    """
    with _LOCK:
        tree = json.loads(_parser().execute(_TREE, {"text": _select(text)}).fetchall()[0][0])
    if tree["error"]:
        raise QueryError(f"{tree['error_message']}, in: {text[:200]}")
    return frozenset(_names(tree, frozenset()))


def table_changed(text: str) -> str | None:
    """The table that an INSERT, UPDATE or DELETE changes; None for other statements."""
    change = _CHANGE.search(_COMMENT.sub("", text))
    return change[2].rpartition(".")[2] if change else None


@cache
def _parser() -> Database:
    """An empty database: opening one takes longer than to parse."""
    return Database()


def _select(text: str) -> str:
    """A SELECT of the tables that a statement reads."""
    code = _COMMENT.sub("", text)
    if _CALL.match(code):
        return _NOTHING
    if created := _CREATION.match(code):
        return _NOTHING if created[1] == "(" else code[created.end() :]
    if not (change := _CHANGE.search(code)):
        return code
    verb, table = change[1].lower(), change[2]
    select = {"insert": "", "update": f"from {table} select", "delete": f"from {table}"}[verb]
    return f"{code[: change.start()]}{select} {code[change.end() :]}"


def _names(node: Any, defined: frozenset[str]) -> Iterator[str]:
    """The tables below a node of the tree; a table of `with` is known to what follows it, not to itself."""
    if isinstance(node, list):
        for one in node:
            yield from _names(one, defined)
    if not isinstance(node, dict):
        return
    for entry in node.get("cte_map", {}).get("map", ()):
        yield from _names(entry["value"], defined)
        defined |= {entry["key"]}
    if node.get("type") == "BASE_TABLE" and node["schema_name"] in _OWN_SCHEMAS:
        yield from {node["table_name"]} - defined
    for name, value in node.items():
        if name != "cte_map":
            yield from _names(value, defined)
