"""Run one contender: `python -m tests.bench.contenders NAME EVENTS POSTCODES OUTPUT`; prints seconds and memory."""

import importlib
import json
import sys
from pathlib import Path


def main() -> None:
    name, events, postcodes, output = sys.argv[1:]
    contender = importlib.import_module(f"tests.bench.contenders.{name}")
    seconds, rows = contender.run(events, postcodes)
    Path(output).write_text(json.dumps(rows), encoding="utf-8")
    print(json.dumps({"seconds": seconds, "peak_mb": _peak_mb()}))


def _peak_mb() -> float:
    """The most memory that this process has held. Linux tells it, and forgets at exec what the parent held."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    main()
