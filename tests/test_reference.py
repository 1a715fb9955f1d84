"""The reference is what the code says, and complete: `python -m tests.reference` writes it."""

import re
from typing import Annotated, Any

import pytest
import typer
from pydantic import TypeAdapter

from include.firstday import errors
from include.firstday.cli.main import app
from include.firstday.monitoring.measurements import MEASUREMENTS
from include.firstday.settings import Settings
from include.firstday.use_case.base import Frozen
from include.firstday.use_case.use_case import Monitoring
from tests.reference import dags, tables, use_case
from tests.reference import errors as remedies
from tests.reference.pages import PAGES, path


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_what_the_code_says(name: str) -> None:
    assert path(name).read_text(encoding="utf-8") == PAGES[name](), "run: python -m tests.reference"


def test_each_dag_says_what_to_do_when_it_fails() -> None:
    found = dags.docstrings()
    assert len(found) > 12
    assert [name for name, text in found.items() if "**When it fails**" not in text and "no DAG" not in text] == []


def test_each_key_of_the_yaml_has_a_meaning_and_each_value_an_example() -> None:
    found = [(part.path, key) for part in use_case.parts() for key in use_case.keys(part)]
    assert len(found) > 100
    assert [f"{where}.{key.name}" for where, key in found if not key.meaning] == []
    assert [f"{where}.{key.name}" for where, key in found if "](#" not in key.kind and not key.example] == []


def test_examples_of_the_yaml_are_valid() -> None:
    classes, examples = [Frozen], 0
    while classes:
        classes += (model := classes.pop()).__subclasses__()
        for field in model.model_fields.values():
            for example in field.examples or []:
                kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
                TypeAdapter(kind).validate_python(example)
                examples += 1
    assert examples > 15


def test_each_column_has_a_comment() -> None:
    files = [*tables.statements(), tables.OWN / "events.sql"]
    found = {path.stem: list(tables.columns(path)) for path in files}
    assert len(found) > 15
    assert len(found["monitoring"]) == 6
    assert [(table, name) for table, columns in found.items() for name, _, _, about in columns if not about] == []


def test_each_setting_has_a_meaning() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_each_command_and_parameter_has_a_help_text() -> None:
    group: Any = typer.main.get_command(app)
    assert [name for name, command in group.commands.items() if not command.help] == []
    parameters = [(name, each) for name, command in group.commands.items() for each in command.params]
    assert [(name, each.name) for name, each in parameters if not each.help] == []


def test_each_error_has_a_remedy() -> None:
    found = list(remedies.leaves(errors.FirstdayError))
    assert len(found) > 25
    assert [error.__name__ for error in found if not all(remedies.parts(error))] == []


def test_alerts_name_keys_of_the_yaml_or_metrics() -> None:
    known = set(Monitoring.model_fields) | set(MEASUREMENTS) | {"train_model"}
    named = {name for about in MEASUREMENTS.values() for name in re.findall(r"`(\w+)`", about.alert)}
    assert len(named) > 10
    assert named - known == set()
