"""What a run's note in Airflow says."""

from datetime import UTC, datetime, timedelta

from include.firstday.features.update_features import Updated
from include.firstday.generator import generate_events
from include.firstday.ingest.store_events import MicroBatch
from include.firstday.lake.run import Run
from include.firstday.operations import micro_batch
from include.firstday.operations.micro_batch import Done
from include.firstday.orchestration import reports
from include.firstday.schema.open_lake import open_lake
from include.firstday.scoring.score_users import Scored
from include.firstday.use_case.use_case import UseCase


def test_the_words_add_up_what_the_steps_did() -> None:
    words, numbers = reports.micro_batch(
        [
            Done("store_events", MicroBatch(7, 2, 35_000, 12), 0.3),
            Done("update_features", Updated(6, 7, 100, 3, False), 0.1),
            Done("store_events", MicroBatch(8, 1, 120, 0), 0.1),
            Done("update_features", Updated(7, 8, 20, 0, True), 0.1),
            Done("score_users", Scored(6, 8, False, datetime(2026, 11, 20), 1844, 800, 3), 0.94),
            Done("publish_predictions", 800, 0.1),
        ]
    )
    assert words == (
        "35,120 events stored in 0.4 s, 12 rejected, 120 users updated in 0.2 s, "
        "1,844 users scored in 0.9 s by version 3, 800 with predicted churn, 800 published"
    )
    assert numbers["events"] == {"batch_ids": [7, 8], "rows_stored": 35_120, "rows_rejected": 12, "files": 3}
    assert (numbers["user_features"]["upto_batch_id"], numbers["user_features"]["users"]) == (8, 120)
    assert numbers["predictions"]["model_version"] == 3


def test_a_retry_says_what_earlier_tries_have_stored_and_nothing_of_a_step_without_events(churn: UseCase) -> None:
    run, done = Run("first_day_churn.process_events", "one", "micro_batch"), list[Done]()
    assert reports.stored_before(churn, run) == ""  # killed before there was a lake
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    generate_events.generate_minutes(churn, noon, noon + timedelta(minutes=2))
    micro_batch.process(churn, run, done.append, with_scores=False)
    (stored,) = [one.result.rows_stored for one in done if isinstance(one.result, MicroBatch)]
    assert reports.stored_before(churn, run) == f"{stored:,} events stored by an earlier try, 0 rejected"
    silent = Run("first_day_churn.process_events", "two", "micro_batch")
    assert reports.stored_before(churn, silent) == ""
    at = noon.replace(tzinfo=None)
    without = {"rows_stored": 0, "rows_rejected": 0, "started_at": at, "committed_at": at}
    with open_lake(churn, silent) as lake, lake.transaction():
        lake.insert_row("micro_batches", batch_id=2, airflow_run=silent.id, **without)
    assert reports.stored_before(churn, silent) == ""


def test_nothing_done_is_not_worth_a_word() -> None:
    assert reports.micro_batch([])[0] == ""
