"""Kafka, by librdkafka: what a connection says, as its configuration."""

import logging
from typing import Any

from confluent_kafka import KafkaError

from include.firstday.servers import TIMEOUT, Credentials

log = logging.getLogger(__name__)


def configuration(credentials: Credentials, **ours: Any) -> dict[str, Any]:
    """Configuration of a client: the connection's address and login, its extras as they are, and what is ours."""
    address = f"{credentials.host}:{credentials.port}" if credentials.port else credentials.host
    login = {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": credentials.login,
        "sasl.password": credentials.password,
    }
    return {
        **({"bootstrap.servers": address} if address else {}),
        **(login if credentials.login else {}),
        **credentials.extra,
        "socket.timeout.ms": int(TIMEOUT * 1000),
        "logger": log,
        **ours,
    }


def said(error: KafkaError) -> str:
    """What went wrong, in one line."""
    return f"Kafka said {error.name()}: {error.str()}"
