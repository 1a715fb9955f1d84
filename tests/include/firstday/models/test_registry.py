"""Models from MLflow's registry: the local cache holds whole files only."""

import pytest

from include.firstday.models import promotion, registry
from include.firstday.settings import settings
from include.firstday.use_case.use_case import UseCase


@pytest.mark.parametrize("kept", [0, 100, 5000])
def test_a_model_whose_download_was_cut_off_is_fetched_again(churn: UseCase, kept: int) -> None:
    promotion.register_bundled(churn)
    before = registry.champion(churn)
    assert before is not None
    (cached,) = (settings().home / "models" / churn.name).rglob(registry.MODEL_FILE)
    whole = cached.read_bytes()
    cached.write_bytes(whole[:kept])
    registry._load.cache_clear()
    after = registry.champion(churn)
    assert after is not None
    assert after.version == before.version
    assert cached.read_bytes() == whole


def test_a_download_that_was_cut_off_before_the_models_file_is_repeated(churn: UseCase) -> None:
    promotion.register_bundled(churn)
    folder = settings().home / "models" / churn.name / "1"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors:")
    assert registry.champion(churn) is not None
    assert [path.name for path in folder.parent.iterdir()] == ["1"]
