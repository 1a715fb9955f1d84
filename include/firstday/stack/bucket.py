"""Create the buckets of an S3 store that are missing: `python -m include.firstday.stack.bucket NAME…`."""

import sys
import time
from typing import Any

from include.firstday.settings import settings
from include.firstday.stack.terminal import say

PATIENCE_SECONDS = 60.0
REMEDY = "check FIRSTDAY_S3_ENDPOINT, the bucket's name and S3_ADMIN_ACCESS_KEY with its secret in .env"


def make(name: str, patience: float = PATIENCE_SECONDS) -> str:
    """Create the bucket if missing; return the error, or an empty text.

    A store that does not respond, or with a server error, is retried for `patience` seconds. Any other error, as of
    wrong keys, is returned at once.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    store, deadline, reported = _store(), time.monotonic() + patience, False
    where = f"bucket {name} at {settings().s3_endpoint or 'Amazon S3'}"
    while True:
        try:
            _create_if_missing(store, name)
            return ""
        except (BotoCoreError, ClientError) as error:
            if _is_final(error) or time.monotonic() > deadline:
                return f"{where}: {error}; {REMEDY}"
            if not reported:
                say(f"{where}: {error}; retrying for {patience:.0f} s.")
            reported = True
            time.sleep(1)


def _create_if_missing(store: Any, name: str) -> None:
    from botocore.exceptions import ClientError

    try:
        store.head_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
        store.create_bucket(Bucket=name)


def _is_final(error: Exception) -> bool:
    """Whether the store has responded, and would respond the same again."""
    response = getattr(error, "response", None) or {}
    return bool(400 <= response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < 500)


def _store() -> Any:
    import boto3  # type: ignore[import-untyped]

    config = settings()
    return boto3.client(
        "s3",
        endpoint_url=config.s3_endpoint or None,
        region_name=config.s3_region,
        aws_access_key_id=config.s3_access_key.get_secret_value() or None,
        aws_secret_access_key=config.s3_secret_key.get_secret_value() or None,
    )


if __name__ == "__main__":
    for bucket in sys.argv[1:]:
        if problem := make(bucket):
            say(problem)
            sys.exit(1)
