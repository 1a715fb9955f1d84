"""What every section shares: facts of the machine, children in a home of their own, and tables as text."""

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
POSTCODES = ROOT / "include" / "use_cases" / "first_day_churn" / "postcodes.parquet"
Row = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """What is aimed at, and what was measured of it."""

    text: str
    measured: str
    holds: bool


@dataclass
class Section:
    """What one section found: rows of a table, claims, and words about how it was measured."""

    name: str
    title: str
    how: str
    rows: list[Row] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)


def machine() -> Row:
    """Facts of the machine and of the libraries, without anything that names it."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="minutes"),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        **{name: version(name) for name in ("duckdb", "pyarrow", "pandas", "scikit-learn", "apache-airflow")},
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for files and homes, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="firstday-bench-") as folder:
        yield Path(folder)


def child(home: Path, module: str, *arguments: object, python: Path | None = None, **environment: str) -> Row:
    """What a module prints as its last line, JSON, run in a process of its own with that home and environment."""
    ran = subprocess.run(
        [str(python or sys.executable), "-m", module, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"FIRSTDAY_HOME": str(home), **environment},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: Row = json.loads(ran.stdout.splitlines()[-1])
    return answer


def peak_mb() -> float:
    """The most memory that this process has held. Linux tells it, and forgets at exec what the parent held."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def percentile_95(values: Sequence[float]) -> float:
    return sorted(values)[round(0.95 * (len(values) - 1))]


def as_table(rows: Sequence[Row]) -> str:
    """Rows as a Markdown table."""
    names = list(rows[0])
    lines = [" | ".join(names), " | ".join("---" if isinstance(rows[0][name], str) else "--:" for name in names)]
    lines += [" | ".join(_text(row[name]) for name in names) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
