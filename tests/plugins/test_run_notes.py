"""The note of a run, from its tasks' XComs."""

from plugins.run_notes import LONGEST, note


def test_a_note_is_the_tasks_reports_in_order() -> None:
    left = [
        ("note", "35,120 events stored, 12 rejected"),
        ("return_value", {"rows": 1}),
        ("mlflow_url", "http://127.0.0.1:5000/#/runs/1"),
        ("return_value", "3 rejected rows replayed"),
    ]
    assert note(left) == "35,120 events stored, 12 rejected, 3 rejected rows replayed"


def test_a_note_is_no_longer_than_airflow_keeps() -> None:
    assert len(note([("note", "x" * 2000)])) == LONGEST
    assert note([]) == ""


def test_a_note_begins_with_what_failed() -> None:
    left = [("note", "12 events stored"), ("note", "x" * 2000)]
    assert note(left, ["train", "test"]).startswith("failed: train, test; its log has the reason, 12 events stored, x")
    assert len(note(left, ["train"])) == LONGEST
