"""The folders of one installation that its servers use, its secrets and its lock."""

import base64
import fcntl
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from include.firstday.settings import Settings


@dataclass(frozen=True)
class Home:
    """Where the servers keep what; everything below the one folder FIRSTDAY_HOME."""

    root: Path

    @classmethod
    def of(cls, settings: Settings) -> "Home":
        """The home that the settings name, as an absolute path."""
        return cls(settings.home.expanduser().resolve())

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME: Airflow's database, task logs and secrets."""
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        """One log file per server."""
        return self.root / "logs"

    @property
    def stack(self) -> Path:
        """Generated configuration, lock and socket of the supervisor."""
        return self.root / "stack"

    @property
    def mlflow(self) -> Path:
        """MLflow's database and artifacts."""
        return self.root / "mlflow"

    @property
    def passwords(self) -> Path:
        """Airflow's users and their passwords."""
        return self.airflow / "passwords.json"

    @property
    def started_before(self) -> bool:
        """Whether Airflow's database exists."""
        return (self.airflow / "airflow.db").exists()

    def prepare(self) -> None:
        """Make the folders. Those with secrets and logs are for their owner alone."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.mlflow.mkdir(exist_ok=True)
        for folder in (self.airflow, self.logs, self.stack):
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)

    def secrets(self) -> dict[str, str]:
        """Airflow's secrets: made once, then the same for every process and every start."""
        path = self.airflow / "secrets.json"
        if not path.exists():
            made = {
                "jwt_secret": secrets.token_urlsafe(64),
                "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
                "api_secret_key": secrets.token_urlsafe(48),
            }
            _write_private(path, made)
        return _read(path)

    def login(self) -> tuple[str, str]:
        """The administrator's name and password; made before Airflow would make a file that all can read."""
        if not self.passwords.exists():
            _write_private(self.passwords, {"admin": secrets.token_urlsafe(12)})
        self.passwords.chmod(0o600)
        return "admin", _read(self.passwords)["admin"]

    def lock(self) -> IO[str] | None:
        """Take the lock of this home until the process ends; None when another process has it."""
        file = (self.stack / "run.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file


def _write_private(path: Path, content: dict[str, str]) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(json.dumps(content) + "\n")
    temporary.rename(path)


def _read(path: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return content
