"""What leaves the lake about users: no formula in the export, nothing personal of a refused row."""

import csv
from datetime import datetime

from include.firstday.web.catalog import fields
from include.firstday.web.schemas.users import User, Users
from include.firstday.web.users import as_csv

SHOWN = {"event_type", "event_time", "bet_amount"}


def user(user_id: str) -> User:
    return User(
        user_id=user_id,
        registered_at=datetime(2026, 11, 20, 12),
        window_start=None,
        last_seen_at=None,
        is_in_window=False,
        probability=0.25,
        predicted=False,
        scored_at=None,
        model_version=1,
    )


def test_an_exported_id_is_never_a_formula() -> None:
    ids = ["=cmd|' /C calc'!A0", "+1", "-1", "@sum(a1)", "plain", 'quo"ted, and more']
    rows = list(csv.DictReader(as_csv(Users(users=[user(one) for one in ids], total=len(ids), is_cut=False))))
    assert [row["user_id"] for row in rows] == [*(f"'{one}" for one in ids[:4]), *ids[4:]]
    assert rows[0]["registered_at"] == "2026-11-20T12:00:00Z"
    assert rows[0]["probability"] == "0.25"


def test_of_a_refused_row_only_types_times_and_numbers_are_shown() -> None:
    raw = '{"event_type": "new_bet", "name": "Ada Lovelace", "bet_amount": "ten"}'
    assert fields(raw, None, SHOWN) == {"event_type": "new_bet", "name": None, "bet_amount": "ten"}
    assert fields("new_bet,Ada Lovelace,ten", "event_type,name,bet_amount", SHOWN) == fields(raw, None, SHOWN)


def test_a_row_that_cannot_be_read_shows_nothing() -> None:
    for raw in (None, '{"name": "Ada Lovelace', '["Ada Lovelace"]', "Ada Lovelace"):
        assert fields(raw, None, SHOWN) == {}
