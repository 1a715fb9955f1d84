"""A minute of heavy traffic: `make load` posts 200 requests a second of 100 events each to a really running Firstday.

It starts an installation of its own on this machine, posts from as many connections as it takes to keep the pace, and
then waits until everything is stored and scored. It fails where an accepted event is missing or doubled, where a
request failed, or where the backlog is still there after `--drain-seconds`.
"""

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from tests.installation import Installation, wait_until

EVENTS = "/firstday/api/first_day_churn/events"
CONNECTIONS = 16
USERS = 2000
STORED = """
select count(*) as stored, count(distinct event_id) as ids, count(distinct batch_id) as batches
from events where event_id like 'load-%'
"""
BATCHES = """
with mine as (select batch_id, count(*) as events from events where event_id like 'load-%' group by batch_id)
select m.batch_id, mine.events, round(epoch(m.committed_at) - epoch(m.started_at), 1) as seconds,
    (select count(*) from predictions p where p.batch_id = m.batch_id) as scored,
    round(epoch((select min(scored_at) from predictions p where p.batch_id >= m.batch_id))
        - epoch(m.committed_at), 1) as scored_after
from micro_batches m join mine on m.batch_id = mine.batch_id order by m.batch_id
"""


@dataclass
class Tally:
    """What the connections have seen, together."""

    seconds: list[float] = field(default_factory=list)
    accepted: int = 0
    held_back: int = 0
    failed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def main() -> int:
    """Run it; 0 where nothing was lost and the micro-batches kept pace."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="firstday-load-") as folder:
        print("Starting an installation.")
        with Installation(Path(folder) / "home") as installation:
            return _run(installation, options)


def _run(installation: Installation, options: argparse.Namespace) -> int:
    token = installation.token()
    first = Tally()
    _post_all(installation.airflow, token, iter([_opening()]), 1, first)
    waiting: list[tuple[float, int]] = []
    stop = threading.Event()
    watch = threading.Thread(target=_watch, args=(installation, waiting, stop))
    watch.start()
    server = _web_server(installation)
    tally, begun, cpu = Tally(), time.monotonic(), _cpu_seconds(server)
    share = options.posts / CONNECTIONS
    threads = [
        threading.Thread(target=_post_all, args=(installation.airflow, token, _bodies(options, worker), share, tally))
        for worker in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, cpu = time.monotonic() - begun, _cpu_seconds(server) - cpu
    print(f"web server    {cpu / len(tally.seconds) * 1000:.1f} ms of processor time a request")
    drained = _drained(installation, tally.accepted, options.drain_seconds)
    stop.set()
    watch.join()
    return _report(installation, tally, took, waiting, drained)


def _post_all(url: str, token: str, bodies: Iterator[bytes], per_second: float, tally: Tally) -> None:
    place = urlsplit(url)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-ndjson"}
    begun = time.monotonic()
    for number, body in enumerate(bodies):
        time.sleep(max(0.0, begun + number / per_second - time.monotonic()))
        sent = time.monotonic()
        while True:
            connection.request("POST", EVENTS, body, headers)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status != 429:
                break
            with tally.lock:
                tally.held_back += 1
            time.sleep(float(answer.headers["Retry-After"]))
        with tally.lock:
            tally.seconds.append(time.monotonic() - sent)
            if answer.status == 202:
                tally.accepted += json.loads(said)["accepted"]
            else:
                tally.failed.append(f"{answer.status} {said[:200]!r}")


def _opening() -> bytes:
    now = datetime.now(UTC).isoformat()
    lines = [
        {"event_type": kind, "user_id": f"load-user-{user}", "event_time": now, **more}
        for user in range(USERS)
        for kind, more in (("new_registration", {"postcode": "10115"}), ("new_purchases", {"amount": "10.00"}))
    ]
    return "\n".join(map(json.dumps, lines)).encode()


def _bodies(options: argparse.Namespace, worker: int) -> Iterator[bytes]:
    for number in range(worker, options.posts * options.seconds, CONNECTIONS):
        now = datetime.now(UTC).isoformat()
        yield "".join(
            f'{{"event_id":"load-{number}-{row}","event_type":"new_bet","user_id":"load-user-{(number + row) % USERS}",'
            f'"event_time":"{now}","bet_amount":"{1 + row / 100:.2f}"}}\n'
            for row in range(options.events)
        ).encode()


def _watch(installation: Installation, waiting: list[tuple[float, int]], stop: threading.Event) -> None:
    folder, begun = installation.home / "landing" / "first_day_churn", time.monotonic()
    while not stop.wait(1):
        total = 0
        for path in folder.glob("posted-*"):
            try:
                total += path.stat().st_size
            except FileNotFoundError:
                continue
        waiting.append((time.monotonic() - begun, total))


def _drained(installation: Installation, expected: int, seconds: float) -> float | None:
    """Seconds until everything is stored and scored; None where that takes longer."""
    begun = time.monotonic()

    def is_done() -> bool:
        status: dict[str, Any] = installation.firstday("status")
        is_stored = int(installation.query(STORED)[0]["stored"]) >= expected
        return is_stored and not status["waiting"]["files"] and not any(_behind(status))

    try:
        wait_until(is_done, seconds, every=2)
    except AssertionError:
        return None
    return time.monotonic() - begun


def _behind(status: dict[str, Any]) -> Iterator[int]:
    return (stage["behind"] for stage in status["stages"] if stage["stage"] != "monitor_model")


def _web_server(installation: Installation) -> psutil.Process:
    port = urlsplit(installation.airflow).port
    connections = psutil.net_connections("inet")
    (pid,) = {one.pid for one in connections if one.status == psutil.CONN_LISTEN and one.laddr.port == port and one.pid}
    return psutil.Process(pid)


def _cpu_seconds(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


def _report(
    installation: Installation, tally: Tally, took: float, waiting: list[tuple[float, int]], drained: float | None
) -> int:
    stored = installation.query(STORED)[0]
    centiles = statistics.quantiles(tally.seconds, n=100)
    peak = max((size for _, size in waiting), default=0)
    print(f"posted        {len(tally.seconds):,} requests in {took:.1f} s: {len(tally.seconds) / took:.0f} a second")
    print(f"answered in   median {centiles[49] * 1000:.0f} ms, 95 % {centiles[94] * 1000:.0f} ms, longest "
          f"{max(tally.seconds):.2f} s; {tally.held_back} held back with 429")  # fmt: skip
    print(f"accepted      {tally.accepted:,} events; stored {int(stored['stored']):,}, ids {int(stored['ids']):,}")
    print(f"landing       at most {peak / 1e6:.1f} MB waited")
    print(f"all scored    {'not within the time' if drained is None else f'{drained:.0f} s after the last request'}")
    print("micro-batch       events  stored in  users scored  scored after")
    for row in installation.query(BATCHES):
        print(f"{row['batch_id']:>11}  {int(row['events']):>11,}  {row['seconds']:>7} s  {int(row['scored']):>12,}  "
              f"{row['scored_after'] or '-':>10} s")  # fmt: skip
    for line in tally.failed[:5]:
        print(f"failed: {line}")
    is_whole = tally.accepted == int(stored["stored"]) == int(stored["ids"])
    print("Nothing lost, nothing doubled." if is_whole else "LOST OR DOUBLED EVENTS.")
    return 0 if is_whole and drained is not None and not tally.failed else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--posts", type=int, default=200, help="requests a second")
    parser.add_argument("--events", type=int, default=100, help="events a request")
    parser.add_argument("--drain-seconds", type=float, default=180)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
