"""The author of a commit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """The Airflow run and task, or the command, recorded in the commit message and in rows."""

    dag: str = "cli"
    run: str = "cli"
    task: str = ""

    @property
    def id(self) -> str:
        """Return an id that is the same for retries of the same Airflow run."""
        return f"{self.dag}/{self.run}"
