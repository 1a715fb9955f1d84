"""Links on a task's page in Airflow lead to the room of the Firstday page that the task is about."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from include.firstday.settings import REPOSITORY
from plugins.task_links import ROOMS, FirstdayLink

MAIN = REPOSITORY / "include" / "firstday" / "web" / "static" / "main.js"


@pytest.mark.parametrize(
    ("dag_id", "address"),
    [
        ("first_day_churn.train_model", "/plugin/firstday/firstday/#first_day_churn/model"),
        ("cart_abandonment.monitor_model", "/plugin/firstday/firstday/#cart_abandonment/drift"),
        ("first_day_churn.measure_effect", "/plugin/firstday/firstday/#first_day_churn/experiments"),
        ("first_day_churn.deliver_to_crm", "/plugin/firstday/firstday/#first_day_churn/users?only=predicted"),
        ("first_day_churn.process_events", "/plugin/firstday/firstday/#first_day_churn/overview"),
        ("somebody_elses_dag", ""),
    ],
)
def test_a_task_links_to_its_room(dag_id: str, address: str) -> None:
    operator: Any = None
    assert FirstdayLink().get_link(operator, ti_key=SimpleNamespace(dag_id=dag_id)) == address


def test_each_room_and_dag_is_there() -> None:
    (rooms,) = re.findall(r"const ROOMS = \{([^}]+)\}", MAIN.read_text())
    assert set(ROOMS.values()) <= {room.split(":")[0].strip() for room in rooms.split(",")}
    assert all((REPOSITORY / "dags" / f"{dag}.py").exists() for dag in ROOMS)
