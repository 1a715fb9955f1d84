"""Settings of one installation: the only module that reads the environment.

Every setting is an environment variable `FIRSTDAY_<NAME>`; all have a default that works on one machine.
"""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from include.firstday.errors import SettingsError

REPOSITORY = Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """Where state lives and how much a micro-batch may take. Frozen: built once, the same everywhere."""

    model_config = SettingsConfigDict(env_prefix="FIRSTDAY_", frozen=True, extra="ignore")

    home: Path = Field(REPOSITORY / "var", description="the one folder that holds all run-time state")
    use_case: str = Field("", description="the command line's use case; empty: the first whose DAGs start unpaused")
    host: str = Field("127.0.0.1", description="address the servers bind to")
    airflow_port: int = Field(8080, ge=1, le=65535, description="port of Airflow, its API and the page")
    mlflow_port: int = Field(5000, ge=1, le=65535, description="port of MLflow")
    airflow_database: str = Field("", description="SQLAlchemy URL of Airflow's database; empty: SQLite in home")
    execution_url: str = Field("", description="where tasks reach Airflow, when that is not where the browser does")
    celery_broker: SecretStr = Field(SecretStr(""), description="the workers' queue; empty: tasks run in the scheduler")
    celery_results: SecretStr = Field(SecretStr(""), description="where workers report to; needed with a queue")
    admin_password: SecretStr = Field(SecretStr(""), description="Airflow's login; empty: made once, kept in home")
    jwt_secret: SecretStr = Field(SecretStr(""), description="key of API tokens; empty: made once, kept in home")
    fernet_key: SecretStr = Field(SecretStr(""), description="key to connections; empty: made once, kept in home")
    api_secret_key: SecretStr = Field(SecretStr(""), description="key of web sessions; empty: made once, kept")
    parallelism: int = Field(4, ge=1, description="tasks that Airflow runs at the same time")
    start_seconds: int = Field(180, ge=1, description="how long a server may take to answer before the start fails")
    history_days: float = Field(3, ge=0, description="days of generated events that the first start loads")
    lake_catalog: str = Field(
        "", description="DuckLake catalog, 'sqlite:PATH' or 'postgres:DSN'; empty: SQLite in home"
    )
    lake_data: str = Field("", description="folder or s3:// prefix of the lake's Parquet; empty: in home")
    s3_endpoint: str = Field("", description="URL of an S3 store that is not Amazon's")
    s3_region: str = Field("us-east-1", description="region of the bucket")
    s3_access_key: SecretStr = Field(SecretStr(""), description="key to the bucket of an s3:// lake")
    s3_secret_key: SecretStr = Field(SecretStr(""), description="secret of that key")
    mlflow_url: str = Field(
        "", description="MLflow tracking server; empty: the database file in home, without a server"
    )
    mlflow_public_url: str = Field("", description="where the browser finds MLflow, when that is not where tasks do")
    post_megabytes: int = Field(16, ge=1, description="bytes that one POST /events may bring, unpacked")
    backlog_megabytes: int = Field(512, ge=1, description="landing bytes above which POST /events answers 429")
    batch_megabytes: int = Field(64, ge=1, description="landing bytes one micro-batch takes at most")
    retention_days: float = Field(2, ge=1, description="how long old snapshots and consumed landing files are kept")
    artifact_days: float = Field(
        30, ge=1, description="how long published files, training sets, Airflow's runs and task logs are kept"
    )
    openlineage: str = Field("", description="OpenLineage transport, as JSON; empty: no lineage is emitted")
    memory_limit: str = Field("2GB", description="DuckDB's memory; beyond it, it spills to disk")
    threads: int = Field(2, ge=1, description="DuckDB's threads in one task")
    engine: Literal["local", "spark"] = Field("local", description="what brings each user's events together")
    spark: SecretStr = Field(
        SecretStr(""), description="Spark Connect server of the engine `spark`, as sc://HOST:PORT; a token may follow"
    )
    engine_partitions: int = Field(
        0,
        ge=0,
        description="partitions of users in work over all of them; 0: one for two million events or 50,000 users, "
        "locally at most 500",
    )
    engine_events: int = Field(
        20_000_000, ge=1, description="events of a backlog above which features are computed over all users"
    )

    @property
    def catalog(self) -> str:
        """DuckLake catalog without the `ducklake:` prefix."""
        return self.lake_catalog or f"sqlite:{self.lake_folder / 'catalog.sqlite'}"

    @property
    def data_path(self) -> str:
        """Folder or URL below which the lake writes its Parquet."""
        return self.lake_data or str(self.lake_folder / "data")

    @property
    def lake_folder(self) -> Path:
        """Local folder of the embedded lake, of its write lock and of DuckDB's spill files."""
        return self.home / "lake"

    @property
    def landing(self) -> Path:
        """Folder that holds one landing folder per use case."""
        return self.home / "landing"

    @property
    def published(self) -> Path:
        """Folder of predictions published as files, one folder per use case."""
        return self.home / "published"

    @property
    def training(self) -> Path:
        """Folder of training sets, one folder per use case."""
        return self.home / "training"

    @property
    def exports(self) -> Path:
        """Folder of exported tables, one folder per use case."""
        return self.home / "exports"

    @property
    def models(self) -> Path:
        """Folder of downloaded model versions."""
        return self.home / "models"

    @property
    def posted(self) -> Path:
        """Folder of the keys of posted events, one database per use case."""
        return self.home / "posted"

    @property
    def checked(self) -> Path:
        """Folder of marks of use cases whose statements were validated."""
        return self.home / "checked"

    @property
    def data_folders(self) -> tuple[Path, ...]:
        """Folders whose files may hold personal data."""
        own = (self.landing, self.lake_folder, self.published, self.training, self.exports)
        return (*own, self.models, self.mlflow_folder)

    @property
    def mlflow_folder(self) -> Path:
        """MLflow's database and artifacts when no remote server is set."""
        return self.home / "mlflow"

    @property
    def tracking_uri(self) -> str:
        """What MLflow's clients connect to."""
        return self.mlflow_url or f"sqlite:///{self.mlflow_folder / 'mlflow.db'}"

    @property
    def mlflow_browser_url(self) -> str:
        """Where a link to MLflow leads."""
        return self.mlflow_public_url or self.mlflow_url or f"http://127.0.0.1:{self.mlflow_port}"


def private_folder(path: Path) -> None:
    """Make a folder with those above it, for its owner alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o700)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read from the environment at the first call.

    Raises SettingsError, naming each variable whose value cannot be used.
    """
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_problem(each) for each in error.errors())) from None


@contextmanager
def another_home(home: Path) -> Iterator[None]:
    """Let all state be in another folder, on this machine alone, in what is called inside: for simulations."""
    names = tuple(f"FIRSTDAY_{name}" for name in ("HOME", "LAKE_CATALOG", "LAKE_DATA", "MLFLOW_URL"))
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    os.environ["FIRSTDAY_HOME"] = str(home)
    settings.cache_clear()
    try:
        yield
    finally:
        del os.environ["FIRSTDAY_HOME"]
        os.environ.update(before)
        settings.cache_clear()


def quiet_mlflow() -> None:
    """Keep MLflow's progress bars and log out of what this process prints, unless the environment says otherwise."""
    for name, value in (("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false"), ("MLFLOW_LOGGING_LEVEL", "WARNING")):
        os.environ.setdefault(name, value)


def share_bucket_keys() -> None:
    """Set Amazon's own variables for a library that reads the lake's bucket, unless the environment has them."""
    config = settings()
    for name, value in (
        ("AWS_ACCESS_KEY_ID", config.s3_access_key.get_secret_value()),
        ("AWS_SECRET_ACCESS_KEY", config.s3_secret_key.get_secret_value()),
        ("AWS_REGION", config.s3_region),
        ("AWS_ENDPOINT", config.s3_endpoint),
        ("AWS_ALLOW_HTTP", "true" if config.s3_endpoint.startswith("http://") else ""),
    ):
        if value:
            os.environ.setdefault(name, value)


@cache
def version() -> str:
    """The project's version, which is written in pyproject.toml only."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def _problem(error: ErrorDetails) -> str:
    name = "_".join(("FIRSTDAY", *map(str, error["loc"]))).upper()
    return f"{name}: {error['msg']}, found {error['input']!r}."
