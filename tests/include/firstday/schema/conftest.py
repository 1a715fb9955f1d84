"""Lakes that are made, not copied: how is what these tests are about."""

from typing import Any

import pytest

from include.firstday.schema import create_tables


@pytest.fixture(autouse=True)
def made_lakes(new_lakes: None, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare: Any = create_tables.prepare
    monkeypatch.setattr(create_tables, "prepare", prepare.__wrapped__)
