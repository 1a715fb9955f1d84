"""An HTTP endpoint: JSON by POST, one or several rows per request, signed if the connection has a password.

`Idempotency-Key` is the same whenever the same rows are sent. The signature covers time and body, so that neither can
be changed nor replayed much later: `Firstday-Signature: t=<seconds>,v1=<hex>`, where the hex is HMAC-SHA256 with the
password over `<seconds>.<body>`.
"""

import hashlib
import hmac
import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

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


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would lose the body, or send it to an unconfigured host."""

    def redirect_request(self, *_: Any) -> None:
        """Return None: the redirect is treated as an error."""


_OPENER = urllib.request.build_opener(_NoRedirect)


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
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 - the YAML is held to http(s)
    try:
        with _OPENER.open(request, timeout=TIMEOUT):
            return
    except urllib.error.HTTPError as error:
        with error:
            kind = _TryAgainError if error.code in PASSING else DeliveryError
            raise kind(f"answered {error.code} {error.reason}") from None
    except OSError as error:  # no connection, or no response in time
        raise _TryAgainError(f"did not respond: {getattr(error, 'reason', error)}") from None
    except http.client.HTTPException as error:  # bytes that are no HTTP; not an OSError
        raise _TryAgainError(f"did not respond with HTTP: {type(error).__name__}") from None


def signature(secret: str, seconds: int, body: bytes) -> str:
    """Return the value of `Firstday-Signature` for a body sent at a time."""
    signed = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={signed}"
