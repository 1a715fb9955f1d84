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
    rows["hours_since_open"] = chance.uniform(0.25, 24, ROWS)
    rows["hours_since_event"] = rows["hours_since_open"] * chance.uniform(0, 1, ROWS) ** 2
    return with_rates(rows)[list(churn.features)].astype("float64")


def with_rates(rows: pd.DataFrame) -> pd.DataFrame:
    """The same first days with the rates that follow from their counts."""
    return rows.assign(
        win_rate=(rows["win_count"] + 6) / (rows["bet_count"] + 20),
        bets_per_hour=rows["bet_count"] / rows["hours_since_open"].clip(lower=1),
    )


def predict(champion: registry.Champion, rows: pd.DataFrame) -> np.ndarray:
    return champion.predict(pa.Table.from_pandas(rows, preserve_index=False))


@pytest.mark.parametrize("factor", [1.1, 1.5, 2.0])
def test_more_wins_never_raise_the_risk_beyond_tolerance(
    champion: registry.Champion, players: pd.DataFrame, factor: float
) -> None:
    more = players.copy()
    more[["win_count", "win_sum"]] *= factor
    assert (predict(champion, with_rates(more)) - predict(champion, players)).max() <= TOLERANCE


def test_neither_the_order_of_rows_nor_the_user_id_matters(champion: registry.Champion, players: pd.DataFrame) -> None:
    base = predict(champion, players)
    shuffled = players.sample(frac=1, random_state=1)
    assert np.array_equal(predict(champion, shuffled), base[shuffled.index])
    assert np.array_equal(predict(champion, players.assign(user_id=[f"user {row}" for row in range(ROWS)])), base)


@pytest.mark.parametrize("bets", [5, 60, 300])
def test_a_user_who_falls_silent_becomes_likelier_to_churn(
    champion: registry.Champion, players: pd.DataFrame, bets: int
) -> None:
    """The same activity, an hour and 20 hours ago: a model that is blind to time says the same of both."""
    active = players.assign(bet_count=bets, win_count=bets * 0.3, hours_since_open=22.0)
    rows = [with_rates(active.assign(hours_since_event=hours)) for hours in (1.0, 20.0)]
    soon, long_silent = (float(predict(champion, one).mean()) for one in rows)
    assert long_silent > soon + 0.05


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
