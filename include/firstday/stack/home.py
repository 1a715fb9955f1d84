"""The folders of one installation's servers, its secrets and its lock."""

import fcntl
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from include.firstday.settings import Settings, private_folder
from include.firstday.stack.secrets_file import AIRFLOW_SECRETS, write_private


@dataclass(frozen=True)
class Home:
    """Paths of the servers' files, all below FIRSTDAY_HOME. Secrets from settings are not stored."""

    root: Path
    given: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, settings: Settings) -> "Home":
        """Return the home of the settings, as an absolute path."""
        secrets = {name: getattr(settings, name).get_secret_value() for name in (*AIRFLOW_SECRETS, "admin_password")}
        return cls(settings.home.expanduser().resolve(), {name: value for name, value in secrets.items() if value})

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
        return self._data.mlflow_folder

    @property
    def _data(self) -> Settings:
        return Settings.model_construct(home=self.root)

    @property
    def passwords(self) -> Path:
        """Airflow's users and their passwords."""
        return self.airflow / "passwords.json"

    @property
    def started_before(self) -> bool:
        """Whether Airflow's database exists."""
        return (self.airflow / "airflow.db").exists()

    def prepare(self) -> None:
        """Create the folders. Those with secrets and logs are accessible to their owner only."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.mlflow.mkdir(exist_ok=True)
        for folder in (self.airflow, self.logs, self.stack, self._data.landing, self._data.lake_folder):
            private_folder(folder)

    def secrets(self) -> dict[str, str]:
        """Airflow's secrets: from settings, or generated once; the same for every process and every start."""
        if self.given.keys() >= AIRFLOW_SECRETS.keys():
            return {name: self.given[name] for name in AIRFLOW_SECRETS}
        path = self.airflow / "secrets.json"
        if not path.exists():
            write_private(path, json.dumps({name: make() for name, make in AIRFLOW_SECRETS.items()}) + "\n")
        return _read(path) | {name: self.given[name] for name in AIRFLOW_SECRETS if name in self.given}

    def login(self) -> tuple[str, str]:
        """The administrator's name and password; created before Airflow would create a file that everybody can read."""
        given = self.given.get("admin_password")
        if not self.passwords.exists() or (given and _read(self.passwords)["admin"] != given):
            write_private(self.passwords, json.dumps({"admin": given or secrets.token_urlsafe(12)}) + "\n")
        self.passwords.chmod(0o600)
        return "admin", _read(self.passwords)["admin"]

    def lock(self) -> IO[str] | None:
        """Acquire the lock of this home until the process ends; None if another process holds it."""
        file = (self.stack / "run.lock").open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        return file


def _read(path: Path) -> dict[str, str]:
    content: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return content
