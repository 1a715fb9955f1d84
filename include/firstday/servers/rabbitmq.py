"""RabbitMQ, by AMQP 0.9.1: an open connection as a connection of Airflow says."""

import amqp

from include.firstday.servers import TIMEOUT, Credentials

FAILURES = (amqp.AMQPError, OSError)


def connect(credentials: Credentials) -> amqp.Connection:
    """An open connection, whose `basic_publish` returns when the server has the message.

    `ssl` among the connection's extras asks for TLS. Raises one of FAILURES.
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
