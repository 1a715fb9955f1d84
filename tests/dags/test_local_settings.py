"""What Airflow's processes load first."""

import importlib.util
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Column, DateTime, Integer, MetaData, Table, create_engine, func, select

SETTINGS = Path(__file__).resolve().parents[2] / "config" / "airflow_local_settings.py"


def test_what_is_due_on_sqlite_is_due_at_once_and_not_at_the_next_whole_second() -> None:
    spec = importlib.util.spec_from_file_location("airflow_local_settings_of_the_test", SETTINGS)
    assert spec
    assert spec.loader
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    runs = Table(
        "runs", MetaData(), Column("id", Integer, primary_key=True), Column("due", DateTime, server_default=func.now())
    )
    with create_engine("sqlite://").begin() as connection:
        runs.create(connection)
        now = datetime.now(UTC).replace(tzinfo=None)
        whole = now.replace(microsecond=0) + timedelta(seconds=now.microsecond > 900_000)
        connection.execute(runs.insert().values(due=whole))
        time.sleep(max(0.0, (whole - now).total_seconds()) + 0.01)
        assert connection.scalar(select(func.count()).where(runs.c.due <= func.now())) == 1
        connection.execute(runs.insert().values(id=2))
        stored = connection.scalar(select(runs.c.due).where(runs.c.id == 2))
    assert abs((stored - datetime.now(UTC).replace(tzinfo=None)).total_seconds()) < 5
