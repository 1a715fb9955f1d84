"""Who writes to the lake."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """Who writes: the ids that go into the commit message and the rows."""

    dag: str = "cli"
    run: str = "cli"
    task: str = ""

    @property
    def id(self) -> str:
        """Stable over retries of the same Airflow run."""
        return f"{self.dag}/{self.run}"
