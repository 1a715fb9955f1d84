"""S3, with Arrow's client: a file system from an Airflow Connection."""

from typing import Any

from pyarrow import fs

from include.firstday.servers import TIMEOUT, Credentials


def file_system(credentials: Credentials) -> fs.S3FileSystem:
    """Return the file system; without a login, with the machine's own role or keys.

    The connection's login and password are the access key and its secret; its extras `region_name` and `endpoint_url`
    are those of Airflow's connections to AWS.
    """
    scheme, _, endpoint = str(credentials.extra.get("endpoint_url", "")).rpartition("://")
    options: dict[str, Any] = {"endpoint_override": endpoint, "scheme": scheme or "https"} if endpoint else {}
    if credentials.login:
        options |= {"access_key": credentials.login, "secret_key": credentials.password}
    if region := credentials.extra.get("region_name", "us-east-1" if endpoint else ""):
        options["region"] = str(region)
    return fs.S3FileSystem(connect_timeout=TIMEOUT, request_timeout=TIMEOUT, **options)
