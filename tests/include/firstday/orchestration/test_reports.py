"""What a run's note in Airflow says."""

from datetime import datetime

from include.firstday.features.update_features import Updated
from include.firstday.ingest.store_events import MicroBatch
from include.firstday.orchestration import reports
from include.firstday.scoring.score_users import Scored


def test_the_words_add_up_what_the_steps_did() -> None:
    words, numbers = reports.stored([MicroBatch(7, 2, 35_000, 12), MicroBatch(8, 1, 120, 0)])
    assert words == "35,120 events stored, 12 rejected"
    assert numbers == {"batch_ids": [7, 8], "rows_stored": 35_120, "rows_rejected": 12, "files": 3}
    words, numbers = reports.updated([Updated(6, 7, 100, 3, False), Updated(7, 8, 20, 0, True)])
    assert (words, numbers["upto_batch_id"], numbers["users"]) == ("120 users updated", 8, 120)
    words, numbers = reports.scored(Scored(6, 8, False, datetime(2026, 11, 20), 1844, 800, 3), 0.94)
    assert words == "1,844 users scored in 0.9 s by version 3, 800 with predicted churn"
    assert numbers["model_version"] == 3
    assert reports.published(800)[0] == "800 published"


def test_nothing_done_is_not_worth_a_word() -> None:
    told = [reports.stored([]), reports.updated([]), reports.scored(None, 0.1), reports.published(None)]
    assert [words for words, _ in told] == ["", "", "", ""]
