"""How long `POST /predict` takes: over HTTP, for a user as of now and for given features, by one client and by four.

The page's app by itself, in a process of its own with a lake of 750 users; without Airflow's check of the login. Each
client keeps its connection and asks for one prediction after the other; the first ones, in which the model is loaded,
are not counted.
"""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.firstday.use_case import use_case
from tests.bench.measures import ROOT, Claim, Row, Section, median, scratch
from tests.light_server import PREFIX, PRESENT, USE_CASE
from tests.servers import free_port

REQUESTS, QUICK = 1_000, 100
WARM = 20
START_SECONDS = 300
LIMIT_MS = 250  # of the 99th percentile of one client
PATH = f"{PREFIX}/api/{USE_CASE}/predict"


def run(quick: bool = False) -> Section:
    """Measure it. `quick`: fewer requests."""
    count = QUICK if quick else REQUESTS
    features = dict.fromkeys(use_case.load(USE_CASE).features, 1.0)
    bodies = {
        "a user": [{"user_id": f"user-{number % PRESENT:03}"} for number in range(count)],
        "features": [{"features": features | {"bet_count": float(number)}} for number in range(count)],
    }
    with scratch() as folder, _server(folder / "home") as port:
        for asked in bodies.values():
            _ask(port, asked[:WARM])
        rows = [_row(name, asked, clients, port) for name, asked in bodies.items() for clients in (1, 4)]
    slowest = max(row["p99, ms"] for row in rows if row["clients"] == 1)
    claim = Claim(
        f"99 of 100 answers to one client within {LIMIT_MS} ms", f"{slowest:.0f} ms at most", slowest <= LIMIT_MS
    )
    return Section("predict", "The predict endpoint", str(__doc__), rows, [claim])


def _row(name: str, asked: list[dict[str, Any]], clients: int, port: int) -> Row:
    begun = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        parts = pool.map(lambda part: _ask(port, part), [asked[place::clients] for place in range(clients)])
        taken = sorted(1000 * seconds for part in parts for seconds in part)
    return {
        "asked for": name,
        "clients": clients,
        "requests": len(taken),
        "p50, ms": median(taken),
        "p99, ms": taken[round(0.99 * (len(taken) - 1))],
        "answers/s": len(taken) / (time.perf_counter() - begun),
    }


def _ask(port: int, bodies: list[dict[str, Any]]) -> list[float]:
    """Seconds of each request on one connection. An answer that is none ends the run."""
    connection, taken = http.client.HTTPConnection("127.0.0.1", port, timeout=60), []
    for body in bodies:
        begun = time.perf_counter()
        connection.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        text = answer.read()
        taken.append(time.perf_counter() - begun)
        if answer.status != 200 or "probability" not in json.loads(text):
            raise SystemExit(f"{PATH}: expected a prediction, found {answer.status}: {text[:200]!r}")
    connection.close()
    return taken


@contextmanager
def _server(home: Path) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.light_server", str(port)],
        cwd=ROOT,
        env=os.environ | {"FIRSTDAY_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(process, port)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", f"{PREFIX}/")
            return connection.close()
        except OSError:
            time.sleep(0.3)
    raise SystemExit("the page's server did not start: python -m tests.light_server PORT shows why")
