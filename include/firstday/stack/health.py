"""Check a server's health: `python -m include.firstday.stack.health URL [COMPONENT]` or `… worker NAME`.

The exit code is 0 if the URL responds and, with a component, if Airflow reports it as healthy; or if the Celery worker
of that name responds. Of `tcp://HOST:PORT`, the server must accept a connection. It is used by docker-compose.yaml's
health checks.
"""

import json
import socket
import sys
import urllib.error
import urllib.request
from contextlib import suppress
from urllib.parse import urlsplit

SECONDS = 4.0


def answers(url: str) -> bytes | None:
    """Return the body of a 200 response, without a proxy; None otherwise."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS) as answer:
            return bytes(answer.read())
    except (OSError, urllib.error.URLError):
        return None


def accepts(url: str) -> bool:
    """Whether a server accepts connections at `tcp://HOST:PORT`."""
    at = urlsplit(url)
    with suppress(OSError):
        socket.create_connection((at.hostname or "", at.port or 0), SECONDS).close()
        return True
    return False


def is_healthy(url: str, component: str = "") -> bool:
    """Whether the URL responds and, with a component, its JSON reports the component as healthy."""
    if url.startswith("tcp:"):
        return accepts(url)
    body = answers(url)
    if body is None or not component:
        return body is not None
    return bool(json.loads(body).get(component, {}).get("status") == "healthy")


def worker_answers(name: str) -> bool:
    """Whether the Celery worker of this name responds on the configured queue."""
    # Here, as the other checks, which run every few seconds, need neither.
    from celery import Celery  # type: ignore[import-untyped]

    from include.firstday.settings import settings

    broker = Celery(broker=settings().celery_broker.get_secret_value())
    return bool(broker.control.inspect(destination=[name], timeout=SECONDS).ping())


if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(not (worker_answers(arguments[1]) if arguments[0] == "worker" else is_healthy(*arguments)))
