"""A corrected row: its event is stored once, by the contract, and the row is no longer pending."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from include.firstday.errors import InputError
from include.firstday.ingest import replay_rejected, store_events
from include.firstday.ingest.correct_rejected import correct_rejected
from include.firstday.ingest.try_rejected import try_rejected
from include.firstday.lake.run import Run
from include.firstday.operations import forget_user
from include.firstday.use_case.use_case import UseCase
from tests.include.firstday.ingest.test_replay_rejected import deliver, ndjson, select

BET = {"user_id": "u1", "event_type": "new_bet", "event_time": "2026-11-20T10:00:00Z", "bet_amount": "ten"}
RUN = Run(dag="page", run="ada", task="correct_rejected")
PLACE = (1, "a.ndjson", 2)


@pytest.fixture
def refused(churn: UseCase) -> UseCase:
    """Three bets with a word as their amount, and a row of CSV with a decimal comma."""
    deliver(churn, "a.ndjson", ndjson(*[{**BET, "user_id": f"u{number}"} for number in range(3)]))
    deliver(churn, "c.csv", b'user_id;event_type;event_time;bet_amount\nu9;new_bet;2026-11-20T10:00:00Z;"1,50"\n')
    store_events.store_events(churn)
    return churn


def test_a_corrected_row_is_stored_and_marked_and_its_text_is_kept(refused: UseCase) -> None:
    before = select(refused, "select * exclude (replayed_in) from rejected_events order by all")
    assert correct_rejected(refused, PLACE, {"bet_amount": "10"}, RUN) == 2
    assert correct_rejected(refused, (1, "c.csv", 1), {"bet_amount": "1.50"}, RUN) == 3
    events = select(refused, "select batch_id, user_id, bet_amount::varchar as bet, source_file from events order by 1")
    assert [tuple(row.values()) for row in events] == [(2, "u1", "10.00", "a.ndjson"), (3, "u9", "1.50", "c.csv")]
    marked = select(refused, "select row_number, replayed_in from rejected_events where replayed_in > 0 order by 2")
    assert marked == [{"row_number": 2, "replayed_in": 2}, {"row_number": 1, "replayed_in": 3}]
    assert select(refused, "select * exclude (replayed_in) from rejected_events order by all") == before
    batches = select(refused, "select rows_stored, rows_rejected, airflow_run from micro_batches where batch_id > 1")
    assert [tuple(row.values()) for row in batches] == [(1, 0, "page/ada")] * 2
    assert try_rejected(refused).tried == 2


def test_the_commit_says_which_row_and_who_and_no_value(refused: UseCase) -> None:
    correct_rejected(refused, PLACE, {"bet_amount": "10.17"}, RUN)
    (commit,) = select(refused, "select * from ducklake_snapshots('lake') order by snapshot_id desc limit 1")
    assert "a.ndjson, row 2 of micro-batch 1 corrected" in str(commit["commit_message"])
    assert "page/ada" in f"{commit['author']} {commit['commit_message']}"
    assert "10.17" not in str(commit)


def test_users_who_correct_a_row_at_the_same_time_store_it_once(refused: UseCase) -> None:
    def correct(_: int) -> str:
        try:
            return f"micro-batch {correct_rejected(refused, PLACE, {'bet_amount': '10'}, RUN)}"
        except InputError as error:
            return str(error)

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(correct, range(4)))
    assert answers.count("micro-batch 2") == 1
    assert sum("a.ndjson, row 2: not pending replay" in answer for answer in answers) == 3
    assert select(refused, "select count(*) as n from events") == [{"n": 1}]
    assert replay_rejected.replay_rejected(refused).stored == 0


@pytest.mark.parametrize(
    ("place", "fields", "message"),
    [
        (PLACE, {"bet_amount": "eleven"}, r"row 2: still rejected: bet_amount: expected DECIMAL\(18,2\)$"),
        (PLACE, {}, "still rejected: bet_amount: expected DECIMAL"),
        (PLACE, {"bet_amount": "1", "user_id": None}, "still rejected: user_id: required"),
        ((1, "a.ndjson", 4), {}, "a.ndjson, row 4: not pending replay"),
        ((2, "a.ndjson", 1), {}, "not pending replay in micro-batch 2"),
        ((1, "c.csv", 1), {"name": "Ada"}, "found name"),
    ],
)
def test_what_cannot_be_stored_is_named_and_nothing_is_stored(
    refused: UseCase, place: tuple[int, str, int], fields: dict[str, str | None], message: str
) -> None:
    before = select(refused, "select * from rejected_events order by all")
    with pytest.raises(InputError, match=message):
        correct_rejected(refused, place, fields, RUN)
    assert select(refused, "select * from rejected_events order by all") == before
    assert select(refused, "select count(*) as n from events") == [{"n": 0}]


def test_an_erased_user_comes_back_by_no_correction(refused: UseCase) -> None:
    forget_user.forget_user(refused, "u1")
    with pytest.raises(InputError, match="not pending replay"):
        correct_rejected(refused, PLACE, {"bet_amount": "10"}, RUN)
    with pytest.raises(InputError, match="the user was erased, so nothing is stored; dismiss the row"):
        correct_rejected(refused, (1, "a.ndjson", 1), {"bet_amount": "10", "user_id": "u1"}, RUN)
    assert select(refused, "select count(*) as n from events") == [{"n": 0}]
    assert try_rejected(refused).tried == 3
