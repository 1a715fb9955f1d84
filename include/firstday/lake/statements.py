"""The statements in `sql/`: DuckDB runs the text of the file, with bound parameters only."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from include.firstday.settings import REPOSITORY

SQL = REPOSITORY / "sql"
_PARAMETER = re.compile(r"\$([a-z_][a-z0-9_]*)")


@dataclass(frozen=True)
class Statement:
    """One statement: its path below `sql/` without the extension, its text, and its parameters."""

    path: str
    text: str
    parameters: frozenset[str]

    @property
    def name(self) -> str:
        """Return the file's name, which is also the name of the temporary table with the statement's rows."""
        return Path(self.path).name

    def bind(self, values: dict[str, object]) -> dict[str, object]:
        """Return the values if they match the statement's parameters. Raises TypeError otherwise."""
        if values.keys() != self.parameters:
            raise TypeError(
                f"sql/{self.path}.sql: expected the parameters {sorted(self.parameters)}, found {sorted(values)}"
            )
        return values


def statement(path: str) -> Statement:
    """Read `sql/<path>.sql` as it is now, also in a server that is older than it. Raises FileNotFoundError."""
    return _parsed(path, (SQL / f"{path}.sql").read_text(encoding="utf-8"))


@lru_cache(maxsize=1000)
def _parsed(path: str, text: str) -> Statement:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return Statement(path, text, frozenset(_PARAMETER.findall(code)))


def below(folder: str) -> list[str]:
    """Return the paths of the statements in one folder of `sql/`, sorted; none if there is no such folder."""
    return sorted(f"{folder}/{file.stem}" for file in (SQL / folder).glob("*.sql"))
