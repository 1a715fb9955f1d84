"""The profile opens offline, holds no user, and says where it is a sample."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from include.firstday.models import registry
from include.firstday.models.training import profile
from include.firstday.use_case.use_case import UseCase

OUTSIDE = re.compile(r"""<(?:script|link|img|iframe)[^>]+(?:src|href)=["']?(?:https?:)?//|url\(["']?https?:|@import""")


@pytest.mark.slow
def test_reports_and_plots_open_offline_without_users(churn: UseCase, tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    count = profile.COMPARED_ROWS + 900
    frame = pd.DataFrame({name: chance.lognormal(size=count) for name in churn.features})
    frame["user_id"] = [f"a-user-called-{row}" for row in range(count)]
    frame["window_start"] = pd.Timestamp("2026-11-20") + pd.to_timedelta(np.linspace(0, 40, count), unit="h")
    frame["cutoff_minutes"] = chance.choice([15, 60], count)
    frame["label"] = (chance.random(count) < 0.9).astype("int64")
    frame.to_parquet(tmp_path / "training_set.parquet")
    with registry.start_run(churn, "test") as run:
        pass
    profile.profile_training_set(
        churn, {"path": str(tmp_path / "training_set.parquet"), "batch_id": 1, "run_id": run.info.run_id}
    )
    import mlflow

    folder = Path(mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/", dst_path=str(tmp_path / "seen")))
    pages = {path.name: path.read_text() for path in folder.rglob("*.html")}
    assert set(pages) == {"training_set.html", "train_and_latest_day.html", "with_and_without_outcome.html"}
    for name, text in pages.items():
        assert not OUTSIDE.search(text), name
        assert "a-user-called" not in text
    assert f"a sample of {profile.COMPARED_ROWS:,} of" in pages["with_and_without_outcome.html"]
    plots = {path.name for path in folder.rglob("*.png")}
    assert plots == {"histograms.png", "correlations.png", "class_balance.png", "mutual_information.png"}
