"""Create the buckets of an S3 store that are missing: `python -m include.firstday.stack.bucket NAME…`."""

import sys
import time
from typing import Any

from include.firstday.settings import settings
from include.firstday.stack.terminal import say

PATIENCE_SECONDS = 120.0


def make(name: str, patience: float = PATIENCE_SECONDS) -> str:
    """Create the bucket if missing, after waiting for the store; return the error, or an empty text."""
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    store, deadline = _store(), time.monotonic() + patience
    while True:
        try:
            try:
                store.head_bucket(Bucket=name)
            except ClientError as error:
                if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
                    raise
                store.create_bucket(Bucket=name)
            return ""
        except (BotoCoreError, ClientError) as error:
            if time.monotonic() > deadline:
                return f"bucket {name} at {settings().s3_endpoint or 'Amazon S3'}: {error}"
            time.sleep(1)


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
