"""How the shipped model behaves: the right direction, no matter the order or the id, and calm at the edges."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from include.firstday.models import registry
from include.firstday.use_case.use_case import UseCase

ROWS = 400
TOLERANCE = 0.05


@pytest.fixture
def champion(churn: UseCase) -> registry.Champion:
    """The model that ships, as it scores."""
    model = registry._load(churn.folder / "model.skops")
    return registry.Champion(churn.name, 1, churn.scoring.costs.threshold, churn.features, model)


@pytest.fixture
def players(churn: UseCase) -> pd.DataFrame:
    """First days as they could be: consistent counts, sums and means."""
    chance = np.random.default_rng(3)
    rows = pd.DataFrame({"socioeconomic_idx": chance.uniform(0, 1, ROWS)})
    for measure, mean in (("purchase", 2), ("bet", 60), ("win", 18)):
        count = 1 + chance.poisson(mean, ROWS)
        amount = chance.lognormal(1, 0.5, ROWS)
        rows[f"{measure}_count"] = count
        rows[f"{measure}_sum"] = count * amount
        rows[f"{measure}_mean"] = amount
        rows[f"{measure}_var"] = amount**2 / 4
    return rows[list(churn.features)].astype("float64")


def predict(champion: registry.Champion, rows: pd.DataFrame) -> np.ndarray:
    return champion.predict(pa.Table.from_pandas(rows, preserve_index=False))


@pytest.mark.parametrize("factor", [1.1, 1.5, 2.0])
def test_more_wins_never_raise_the_risk_beyond_tolerance(
    champion: registry.Champion, players: pd.DataFrame, factor: float
) -> None:
    more = players.copy()
    more[["win_count", "win_sum"]] *= factor
    assert (predict(champion, more) - predict(champion, players)).max() <= TOLERANCE


def test_neither_the_order_of_rows_nor_the_user_id_matters(champion: registry.Champion, players: pd.DataFrame) -> None:
    base = predict(champion, players)
    shuffled = players.sample(frac=1, random_state=1)
    assert np.array_equal(predict(champion, shuffled), base[shuffled.index])
    assert np.array_equal(predict(champion, players.assign(user_id=[f"user {row}" for row in range(ROWS)])), base)


def test_it_says_something_of_its_own(champion: registry.Champion, players: pd.DataFrame) -> None:
    """Not one number for all, and not the threshold's one side for all."""
    found = predict(champion, players)
    assert found.std() > 0.05
    assert 0 < (found >= champion.threshold).sum() < ROWS


@pytest.mark.parametrize(
    "value", [np.nan, 0.0, 1e12], ids=["everything unknown", "nothing happened", "amounts beyond belief"]
)
def test_at_the_edges_it_still_gives_a_probability(champion: registry.Champion, churn: UseCase, value: float) -> None:
    found = predict(champion, pd.DataFrame({name: [value] for name in churn.features}))
    assert found.shape == (1,)
    assert 0 <= found[0] <= 1
