"""Kafka, with librdkafka: the configuration from an Airflow Connection."""

import logging
from typing import Any

from confluent_kafka import KafkaError

from include.firstday.servers import TIMEOUT, Credentials

log = logging.getLogger(__name__)


def configuration(credentials: Credentials, **ours: Any) -> dict[str, Any]:
    """Return a client's configuration: the connection's address and login, its extras, and Firstday's own settings."""
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
    """Return the error in one line."""
    return f"Kafka error {error.name()}: {error.str()}"
