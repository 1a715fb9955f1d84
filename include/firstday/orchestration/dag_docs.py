"""Write `docs/reference/dags.md` from docstrings of DAG files: `python -m include.firstday.orchestration.dag_docs`."""

import ast
from pathlib import Path

from include.firstday.settings import REPOSITORY

TARGET = REPOSITORY / "docs" / "reference" / "dags.md"
HEAD = """# DAGs

There is one DAG per use case, `<use case>.<name>`, and one `maintain_airflow`. This page is generated from the
docstrings of the DAG files, which Airflow shows as well.
"""


def render() -> str:
    """Return the text of the page."""
    parts = [_section(path) for path in sorted((REPOSITORY / "dags").glob("*.py"))]
    return "\n".join([HEAD, *parts])


def _section(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    return f"## {path.stem}\n\n{docstring}\n"


if __name__ == "__main__":
    TARGET.write_text(render(), encoding="utf-8")
