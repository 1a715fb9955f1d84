"""Posted events come into landing once, and are there when the answer is."""

from pathlib import Path

import pytest

from include.firstday import landing
from include.firstday.errors import BacklogError, KeyReusedError
from include.firstday.web import backlog
from include.firstday.web.delivery import Delivery

CASE = "first_day_churn"
FIRST, SECOND = [b'{"a": 1}', b'{"a": 2}'], [b'{"a": 3}']


def landed() -> list[str]:
    return sorted(line for file in landing.pending(CASE) for line in file.path.read_text().splitlines())


@pytest.fixture
def delivery(home: Path) -> Delivery:
    return Delivery(CASE)


def test_events_are_in_landing_when_the_answer_is_there(delivery: Delivery) -> None:
    answer = delivery.put(FIRST, None).result(5)
    assert (answer.accepted, answer.repeated) == (2, False)
    assert landed() == ['{"a": 1}', '{"a": 2}']


def test_requests_of_one_moment_share_a_file(delivery: Delivery) -> None:
    answers = [delivery.put([b'{"n": %d}' % number], f"key {number}") for number in range(50)]
    assert sum(answer.result(5).accepted for answer in answers) == 50
    assert len(landed()) == 50
    assert len(landing.pending(CASE)) < 10


def test_a_repeat_is_answered_the_same_and_stored_once(delivery: Delivery) -> None:
    together = [delivery.put(FIRST, "one") for _ in range(3)]
    assert sorted(answer.result(5).repeated for answer in together) == [False, True, True]
    later = Delivery(CASE).put(FIRST, "one").result(5)  # as after a restart, or in another process
    assert (later.accepted, later.repeated) == (2, True)
    assert landed() == ['{"a": 1}', '{"a": 2}']


def test_a_repeat_after_the_file_was_consumed_is_stored_once(delivery: Delivery) -> None:
    delivery.put(FIRST, "one").result(5)
    (file,) = landing.pending(CASE)
    landing.retire(CASE, file)
    assert delivery.put(FIRST, "one").result(5).repeated
    assert landed() == []


def test_a_key_with_other_events_is_refused(delivery: Delivery) -> None:
    delivery.put(FIRST, "one").result(5)
    with pytest.raises(KeyReusedError):
        delivery.put(SECOND, "one").result(5)
    assert delivery.put(SECOND, "two").result(5).accepted == 1


def test_a_receipt_whose_file_never_came_is_delivered_again(delivery: Delivery) -> None:
    """As after a crash between the two: nobody was answered, so nobody may be told that it is a repeat."""
    delivery.put(FIRST, "one").result(5)
    (file,) = landing.pending(CASE)
    file.path.unlink()
    assert not delivery.put(FIRST, "one").result(5).repeated
    assert landed() == ['{"a": 1}', '{"a": 2}']


def test_a_landing_that_cannot_be_written_is_said_and_the_next_is_taken(delivery: Delivery, home: Path) -> None:
    folder = landing.folder(CASE)
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where the folder should be")
    with pytest.raises(OSError, match="landing"):
        delivery.put(FIRST, "one").result(5)
    folder.unlink()
    assert not delivery.put(FIRST, "one").result(5).repeated


def test_a_backlog_above_the_limit_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTDAY_BACKLOG_MEGABYTES", "1")
    monkeypatch.setattr(backlog, "FRESH", 0.0)
    backlog.check(CASE)
    landing.deliver(CASE, "big.ndjson", lambda path: path.write_bytes(b" " * 1_000_001))
    with pytest.raises(BacklogError, match=r"1,000,001 bytes pending in landing, above the limit of 1,000,000"):
        backlog.check(CASE)
