"""Write the secrets of docker-compose.yaml, once: `python -m include.firstday.stack.secrets_file PATH`.

Existing values are kept; missing ones are generated and appended, so that a newer compose file finds all of them.
Values consist of letters, digits, `-`, `_` and `=`, which have no special meaning in a URL, a shell or YAML. It needs
only Python: Docker users need not install the project.
"""

import base64
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from include.firstday.stack.terminal import say

ABOUT = """\
# Secrets and settings of docker-compose.yaml, for their owner alone.
# docs/how-to/cluster.md says what else can be set here.
"""


# Airflow's secrets, and how each is generated.
AIRFLOW_SECRETS: Mapping[str, Callable[[], str]] = {
    "jwt_secret": lambda: secrets.token_urlsafe(64),
    "fernet_key": lambda: base64.urlsafe_b64encode(os.urandom(32)).decode(),
    "api_secret_key": lambda: secrets.token_urlsafe(48),
}


def _token() -> str:
    return secrets.token_urlsafe(24)


# Variable -> how its value is generated.
MADE: Mapping[str, Callable[[], str]] = {
    "COMPOSE_PROFILES": lambda: "s3",  # the object store of the compose file; empty for another bucket
    "POSTGRES_PASSWORD": _token,
    "AIRFLOW_DB_PASSWORD": _token,
    "LAKE_PASSWORD": _token,
    "MLFLOW_DB_PASSWORD": _token,
    "REDIS_PASSWORD": _token,
    **{
        f"{owner}_{key}": make
        for owner in ("S3_ADMIN", "FIRSTDAY_S3", "MLFLOW_S3")
        for key, make in (("ACCESS_KEY", lambda: secrets.token_hex(10)), ("SECRET_KEY", _token))
    },
    "FIRSTDAY_ADMIN_PASSWORD": _token,
    **{f"FIRSTDAY_{name.upper()}": make for name, make in AIRFLOW_SECRETS.items()},
}


def complete(path: Path) -> list[str]:
    """Add missing values to the file and return their names."""
    text = path.read_text(encoding="utf-8") if path.exists() else ABOUT
    missing = [name for name in MADE if name not in read(path)]
    if missing:
        write_private(path, text.rstrip("\n") + "\n" + "".join(f"{name}={MADE[name]()}\n" for name in missing))
    path.chmod(0o600)
    return missing


def read(path: Path) -> dict[str, str]:
    """Return the variables of the file; none if there is no file."""
    if not path.exists():
        return {}
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("=", 1) for line in lines if line and not line.startswith("#") and "=" in line)
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}


def write_private(path: Path, text: str) -> None:
    """Write a file atomically, readable by its owner only."""
    temporary = path.with_name(f"{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.rename(path)


if __name__ == "__main__":
    added = complete(Path(sys.argv[1]))
    say(f"{sys.argv[1]}: {', '.join(added)} added." if added else f"{sys.argv[1]}: complete, nothing added.")
