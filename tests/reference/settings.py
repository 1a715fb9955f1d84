"""Settings, from their class, and those of the compose file, from its variables."""

from include.firstday.settings import REPOSITORY, Settings
from tests.reference.markdown import code, page, table

HEAD = """
Environment variables, all optional. `AIRFLOW_*` and `MLFLOW_*` variables of your shell are ignored. [Several
machines](../how-to/cluster.md#settings-in-env) lists what `docker-compose.yaml` adds.
"""


def render() -> str:
    fields = Settings.model_fields.items()
    rows = [(f"`FIRSTDAY_{name.upper()}`", code(_default(field.default)), field.description) for name, field in fields]
    return page("Settings", HEAD, table(("variable", "default", "meaning"), rows))


def _default(value: object) -> str:
    return str(value).removeprefix(f"{REPOSITORY}/").removesuffix(".0")
