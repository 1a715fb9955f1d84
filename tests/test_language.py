"""Documents, page and command line use the terms of docs/concepts/vocabulary.md, and no phrase of vocabulary.yaml."""

import contextlib
import io
import re
from pathlib import Path

import pytest
import yaml

from include.firstday.__main__ import main
from include.firstday.settings import REPOSITORY

PHRASES: dict[str, str] = yaml.safe_load((Path(__file__).parent / "vocabulary.yaml").read_text(encoding="utf-8"))
PAGE = REPOSITORY / "include" / "firstday" / "web" / "static"
FILES = [
    *(REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted((REPOSITORY / "docs").rglob("*.md")),
    *(
        path
        for path in sorted(PAGE.iterdir())
        if path.suffix in (".js", ".html") and not path.name.startswith("echarts")
    ),
]


def rejected(text: str) -> list[str]:
    """Line, phrase and replacement of each phrase in a text; a phrase may be split by a line's end."""
    flat = text.replace("\n", " ")
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}: use {replacement!r}"
        for phrase, replacement in PHRASES.items()
        for match in re.finditer(phrase, flat, re.IGNORECASE)
    ]


def test_there_are_documents_and_a_page() -> None:
    names = {path.name for path in FILES}
    assert {"README.md", "models.md", "0004-the-lake-is-the-ledger.md", "users.js", "index.html"} <= names


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_a_document_has_no_rejected_phrase(path: Path) -> None:
    assert rejected(path.read_text(encoding="utf-8")) == []


def test_the_help_of_each_command_has_no_rejected_phrase() -> None:
    overview = help_of()
    commands = re.findall(r"^(?: {4}|│ )([a-z][a-z-]+) {2,}", overview, re.MULTILINE)
    assert {"ingest", "micro-batch", "train", "new-use-case"} <= set(commands)
    texts = {command: help_of(command) for command in commands} | {"": overview}
    found = {command: rejected(re.sub(r"[\s─-╿]+", " ", text)) for command, text in texts.items()}
    assert {command: phrases for command, phrases in found.items() if phrases} == {}


def help_of(*arguments: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        main([*arguments, "--help"])
    return printed.getvalue()


@pytest.mark.parametrize(
    "text",
    [
        "the users most endangered first",
        "files wait\nin landing",
        "a target is told of predictions",
        "Features as they stand",
        "What waits: nothing waits",
        "the gate holds",
        "label: carried",
    ],
)
def test_a_rejected_phrase_is_found(text: str) -> None:
    assert rejected(text)
