"""An HTTP endpoint: JSON by POST, one or several rows per request, signed if the connection has a password.

`Idempotency-Key` is the same whenever the same rows are sent. The signature covers time and body, so that neither can
be changed nor replayed much later: `Firstday-Signature: t=<seconds>,v1=<hex>`, where the hex is HMAC-SHA256 with the
password over `<seconds>.<body>`.
"""

import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Sequence
from functools import cache

import httpx
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from include.firstday.delivery.targets import Row, message
from include.firstday.errors import DeliveryError
from include.firstday.servers import Credentials
from include.firstday.use_case.connectors import HttpTarget
from include.firstday.use_case.use_case import UseCase

TIMEOUT = 10.0  # seconds
PASSING = (408, 425, 429, 500, 502, 503, 504)  # responses worth a retry


class _TryAgainError(DeliveryError):
    """A temporary failure."""


@cache
def _certificates() -> ssl.SSLContext:
    """The machine's authorities, a company's own among them; httpx would trust only those of certifi."""
    return ssl.create_default_context()


def send(use_case: UseCase, target: HttpTarget, credentials: Credentials, rows: Sequence[Row]) -> None:
    """Post the rows in order. Raises DeliveryError at the first request that is not accepted."""
    for start in range(0, len(rows), target.rows_at_once):
        part = [message(row) for row in rows[start : start + target.rows_at_once]]
        content = part[0] if target.rows_at_once == 1 else {"predictions": part}
        _post(target.url, json.dumps(content).encode(), credentials.password)


@retry(
    retry=retry_if_exception_type(_TryAgainError),
    stop=stop_after_attempt(3),
    wait=wait_random_exponential(multiplier=0.2, max=2),
    reraise=True,
)
def _post(url: str, body: bytes, secret: str) -> None:
    headers = {"Content-Type": "application/json", "Idempotency-Key": hashlib.sha256(body).hexdigest()}
    if secret:
        headers["Firstday-Signature"] = signature(secret, int(time.time()), body)
    client = httpx.Client(headers=headers, timeout=TIMEOUT, verify=_certificates())
    try:
        # Redirects are not followed: one would lose the body, or send it to an unconfigured host. The response's body
        # is not read, however long it is.
        with client, client.stream("POST", url, content=body) as response:
            status, reason = response.status_code, response.reason_phrase
    except httpx.RemoteProtocolError as error:
        raise _TryAgainError(f"did not respond with HTTP: {error}") from None
    except httpx.TransportError as error:  # no connection, or no response in time
        raise _TryAgainError(f"did not respond: {str(error) or type(error).__name__}") from None
    if not response.is_success:
        raise (_TryAgainError if status in PASSING else DeliveryError)(f"answered {status} {reason}")


def signature(secret: str, seconds: int, body: bytes) -> str:
    """Return the value of `Firstday-Signature` for a body sent at a time."""
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"
