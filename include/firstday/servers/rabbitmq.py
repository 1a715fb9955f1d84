"""RabbitMQ, with AMQP 0.9.1: an open connection from an Airflow Connection."""

import amqp

from include.firstday.servers import TIMEOUT, Credentials

FAILURES = (amqp.AMQPError, OSError)


def connect(credentials: Credentials) -> amqp.Connection:
    """Open a connection, whose `basic_publish` returns when the server has confirmed the message.

    `ssl` in the connection's extras turns TLS on. Raises one of FAILURES.
    """
    is_tls = bool(credentials.extra.get("ssl", False))
    connection = amqp.Connection(
        host=f"{credentials.host or '127.0.0.1'}:{credentials.port or (5671 if is_tls else 5672)}",
        userid=credentials.login or "guest",
        password=credentials.password or "guest",
        virtual_host=credentials.schema or "/",
        ssl=is_tls,
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        write_timeout=TIMEOUT,
        confirm_publish=True,
    )
    connection.connect()
    return connection
