"""What a file leaves open is asked where a person sits at a terminal, and nowhere else."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from include.firstday.use_case import use_case
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.authoring.test_new_use_case import own_folders, say

__all__ = ["own_folders"]

BOUGHT = "nummer;am;euro\n" + "".join(
    f"K{row % 9};{row % 27 + 1:02}/3/26 um {row % 24}h05;{row}.5\n" for row in range(60)
)
Typed = Callable[[str], None]


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Typed]:
    """A terminal as standard input, and what a person types there."""
    person, program = os.openpty()
    with os.fdopen(program) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield lambda text: os.write(person, text.encode()) and None
    os.close(person)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "bought.csv"
    path.write_text(BOUGHT)
    return path


def made(name: str) -> UseCase:
    return use_case.load(name)


def test_what_cannot_be_inferred_is_asked(terminal: Typed, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terminal("nummer\n7\n2\n4\nbought\n%Y\n%d/%m/%y um %Hh%M\n")
    said = say(capsys, "new-use-case", "mine", "--from", str(file))
    assert "   1  nummer  (K0, K1, K2)" in said
    assert "7: expected a number from 1 to 3, or a name of the list" in said
    assert "%Y does not read '01/3/26 um 0h05'" in said
    mapping = made("mine").mapping
    assert mapping
    assert mapping.columns == {"nummer": "user_id", "am": "event_time"}
    assert (mapping.files, mapping.time_format) == ({"*": "bought"}, "%d/%m/%y um %Hh%M")
    assert "mine: valid" in (checked := say(capsys, "check-use-case", "mine", "--sample", str(file)))
    assert "9 users" in checked


def test_what_was_chosen_or_inferred_is_not_asked(
    terminal: Typed, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--user", "nummer", "--time", "am", "--event", "bought", "--time-format", "%d/%m/%y um %Hh%M"]
    assert "Which" not in say(capsys, "new-use-case", "mine", "--from", str(file), *options)
    file.write_text("user_id,event_type,event_time\na,seen,2026-01-01T00:00:00Z\n")
    assert "Which" not in say(capsys, "new-use-case", "other", "--from", str(file))


def test_an_unknown_time_format_may_be_left_open(
    terminal: Typed, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terminal("\n")
    options = ["--user", "nummer", "--time", "am", "--event", "bought"]
    said = say(capsys, "new-use-case", "mine", "--from", str(file), *options)
    assert "Format of times such as '01/3/26 um 0h05'" in said
    assert "unknown time format of '01/3/26 um 0h05'; set mapping.time_format" in said


def test_a_column_of_too_many_types_is_asked_for(
    terminal: Typed, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = (f"u{row % 5},2026-01-01T00:00:{row:02}Z,{row},{'ab'[row % 2]}\n" for row in range(40))
    file.write_text("user_id,event_time,event,what\n" + "".join(rows))
    terminal("what\n")
    assert "Which column has the event type" in say(capsys, "new-use-case", "mine", "--from", str(file))
    assert set(made("mine").events) == {"a", "b"}


def test_a_name_that_is_taken_is_said_before_any_question(
    terminal: Typed, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = say(capsys, "new-use-case", "first_day_churn", "--from", str(file), code=1)
    assert "already exists" in said
    assert "Which" not in said


def test_who_leaves_has_made_nothing(terminal: Typed, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    terminal("nummer\n\x04")
    say(capsys, "new-use-case", "mine", "--from", str(file), code=1)
    assert not (use_case.USE_CASES / "mine").exists()


def test_without_a_terminal_nothing_is_asked(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open(encoding="utf-8") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        said = say(capsys, "new-use-case", "mine", "--from", str(file), code=1)
    assert "choose the column of the user_id with --user; the columns are: nummer, am, euro" in said
