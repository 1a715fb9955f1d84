"""Redis: a client from an Airflow Connection."""

import redis

from include.firstday.servers import TIMEOUT, Credentials


def connect(credentials: Credentials) -> redis.Redis:
    """Return a client, which connects at its first use. `ssl` in the connection's extras turns TLS on."""
    return redis.Redis(
        host=credentials.host or "127.0.0.1",
        port=credentials.port or 6379,
        db=int(credentials.schema or 0),
        username=credentials.login or None,
        password=credentials.password or None,
        ssl=bool(credentials.extra.get("ssl", False)),
        socket_timeout=TIMEOUT,
        socket_connect_timeout=TIMEOUT,
    )
