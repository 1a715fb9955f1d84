"""The DAGs, from the docstrings of their files."""

import ast

from include.firstday.settings import REPOSITORY
from tests.reference.markdown import page

HEAD = """
There is one DAG per use case, `<use case>.<name>`, and one `maintain_airflow`. These are the docstrings of the DAG
files, which Airflow shows as well.
"""


def render() -> str:
    return page("DAGs", HEAD, *(f"## {name}\n\n{text}" for name, text in docstrings().items()))


def docstrings() -> dict[str, str]:
    """DAG → the docstring of its file."""
    files = sorted((REPOSITORY / "dags").glob("*.py"))
    return {path.stem: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "" for path in files}
