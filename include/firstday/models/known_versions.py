"""Registered versions for a DAG's form, without importing MLflow, which takes seconds at each parse.

They are read from MLflow's local database, or asked of its server by REST
(https://mlflow.org/docs/latest/api_reference/rest-api.html).
"""

import json
import sqlite3
from base64 import b64encode
from contextlib import closing
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit
from urllib.request import Request, urlopen

from include.firstday.settings import settings

SECONDS = 2  # for which a parse of the DAG waits for the server
LISTED = 1000
VERSIONS = """
select model_versions.version, group_concat(registered_model_aliases.alias, ',')
from model_versions
left join registered_model_aliases
    on model_versions.name = registered_model_aliases.name
    and model_versions.version = registered_model_aliases.version
where model_versions.name = ?
group by model_versions.version
"""

Aliases = dict[int, list[str]]  # by version


def known_versions(name: str) -> dict[int, str]:
    """Version → its name in the form, with its aliases, newest first.

    None where nothing was registered yet, or MLflow does not answer in time: the form has no suggestions then.
    """
    uri = settings().tracking_uri
    read = _of_server if uri.startswith(("http://", "https://")) else _of_database
    try:
        found = read(uri, name)
    except (OSError, ValueError, LookupError, TypeError, sqlite3.Error):
        return {}
    return {number: ", ".join([f"version {number}", *sorted(found[number])]) for number in sorted(found, reverse=True)}


def _of_database(uri: str, name: str) -> Aliases:
    path = uri.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as database:
        rows = database.execute(VERSIONS, (name,)).fetchall()
    return {int(version): aliases.split(",") if aliases else [] for version, aliases in rows}


def _of_server(uri: str, name: str) -> Aliases:
    chosen = {"filter": f"name='{name}'", "max_results": LISTED, "order_by": "version_number DESC"}
    versions = _answer(uri, "model-versions/search", chosen).get("model_versions", [])
    found: Aliases = {int(version["version"]): [] for version in versions}
    model = _answer(uri, "registered-models/get", {"name": name})["registered_model"] if found else {}
    for one in model.get("aliases", []):
        found.setdefault(int(one["version"]), []).append(one["alias"])
    return found


def _answer(uri: str, path: str, query: dict[str, Any]) -> dict[str, Any]:
    """What the server answers; a name and password in its URL are sent as such."""
    parts = urlsplit(uri)
    user, _, host = parts.netloc.rpartition("@")
    url = parts._replace(netloc=host, path=f"{parts.path.rstrip('/')}/api/2.0/mlflow/{path}", query=urlencode(query))
    login = {"Authorization": f"Basic {b64encode(unquote(user).encode()).decode()}"} if user else {}
    with urlopen(Request(url.geturl(), headers=login), timeout=SECONDS) as answer:  # noqa: S310 - of the settings, by HTTP
        found: dict[str, Any] = json.load(answer)
    return found
