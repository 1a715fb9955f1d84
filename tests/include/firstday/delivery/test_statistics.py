"""Statistics of experiments on simulated arms: coverage, bias, no effect where there is none, broken splits caught."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from include.firstday.delivery import statistics
from include.firstday.delivery.statistics import always_valid, balance, bootstrap, minimum_detectable, newcombe

HOLDOUT_CHURN = 0.55
USERS = {"treated": 2700, "holdout": 300}


def simulated(effect: float, experiments: int, seed: int = 18) -> statistics.Difference:
    """The differences of so many experiments, each of a tenth held out, whose treated churn less by `effect`."""
    chance = np.random.default_rng(seed)
    treated = chance.binomial(USERS["treated"], HOLDOUT_CHURN - effect, experiments)
    holdout = chance.binomial(USERS["holdout"], HOLDOUT_CHURN, experiments)
    return newcombe(treated, USERS["treated"], holdout, USERS["holdout"])


@pytest.mark.parametrize("effect", [0.0, 0.05, 0.10])
def test_the_interval_covers_the_true_effect_and_the_estimate_is_unbiased(effect: float) -> None:
    found = simulated(effect, 200)
    covered = np.mean((found.low <= -effect) & (-effect <= found.high))
    assert 0.93 <= covered <= 0.97
    assert abs(np.mean(found.value) + effect) <= 0.005
    many = simulated(effect, 100_000)  # the same without the noise of 200
    covered = np.mean((many.low <= -effect) & (-effect <= many.high))
    assert 0.945 <= covered <= 0.955


@pytest.mark.parametrize("churn", [0.01, 0.99])
def test_the_interval_covers_also_where_nearly_all_or_none_churn(churn: float) -> None:
    chance = np.random.default_rng(3)
    found = newcombe(chance.binomial(900, churn, 50_000), 900, chance.binomial(100, churn, 50_000), 100)
    assert np.mean((found.low <= 0) & (found.high >= 0)) >= 0.93


def test_newcombes_own_example() -> None:
    """Newcombe (1998), table II, example (a), method 10: 56/70 - 48/80 has 0.0524 to 0.3339."""
    found = newcombe(56, 70, 48, 80)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))


def test_an_a_a_experiment_says_no_effect() -> None:
    found = simulated(0, 200)
    assert np.mean((found.low <= 0) & (found.high >= 0)) >= 0.94


def looks(effect: float, experiments: int, hours: int = 336) -> tuple[np.ndarray, np.ndarray]:
    """Of each experiment that is looked at every hour for two weeks: whether any look, by each interval, shows it."""
    chance = np.random.default_rng(5)
    per_hour = {"treated": 18, "holdout": 18}
    counts = {
        "treated": np.cumsum(
            chance.binomial(per_hour["treated"], HOLDOUT_CHURN - effect, (experiments, hours)), axis=1
        ),
        "holdout": np.cumsum(chance.binomial(per_hour["holdout"], HOLDOUT_CHURN, (experiments, hours)), axis=1),
    }
    users = {arm: np.arange(1, hours + 1) * size for arm, size in per_hour.items()}
    fixed = newcombe(counts["treated"], users["treated"], counts["holdout"], users["holdout"])
    variances = [statistics.variance_of_share(counts[arm], users[arm]) for arm in users]
    error = statistics.standard_error(variances[0], users["treated"], variances[1], users["holdout"])
    valid = always_valid(fixed.value, error, users["treated"] + users["holdout"])
    enough = users["treated"] >= statistics.MINIMUM_USERS
    return tuple(((((each.low > 0) | (each.high < 0)) & enough).any(axis=1)) for each in (fixed, valid))


def test_hourly_looks_at_no_effect_show_none_though_a_fixed_interval_would() -> None:
    fixed, valid = looks(0, 2000)
    assert np.mean(valid) <= 0.05
    assert np.mean(fixed) > 0.2  # why it is not what an hourly measurement goes by


def test_hourly_looks_show_an_effect_that_is_there() -> None:
    _, valid = looks(0.05, 500)
    assert np.mean(valid) >= 0.95


def test_the_minimum_detectable_effect_is_found_in_four_of_five_experiments() -> None:
    variance = HOLDOUT_CHURN * (1 - HOLDOUT_CHURN)
    least = minimum_detectable(variance, USERS["treated"], USERS["holdout"])
    found = simulated(float(least), 20_000)
    assert np.mean(found.high < 0) == pytest.approx(0.8, abs=0.02)


def test_the_bootstrap_covers_the_difference_of_skewed_means(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "REPEATS", 200)
    chance, covered = np.random.default_rng(11), 0
    for seed in range(200):
        treated, holdout = chance.lognormal(0.1, 1, 600), chance.lognormal(0, 1, 300)
        found = bootstrap(treated, holdout, seed)
        covered += found.low <= np.exp(0.6) - np.exp(0.5) <= found.high
    assert 0.91 <= covered / 200 <= 0.98


def split(users: int, share: float = 0.1, seed: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Features of users, one of them skewed, one often unknown, one the same for all, and who is treated."""
    chance = np.random.default_rng(seed)
    amounts = chance.lognormal(0, 1.5, users)
    unknown = np.where(chance.random(users) < 0.3, np.nan, chance.normal(size=users))
    return np.column_stack([amounts, unknown, np.ones(users)]), chance.random(users) >= share


NAMES = ("amount", "score", "constant")


def test_a_split_by_chance_is_balanced() -> None:
    broken = sum(balance(NAMES, *split(1000, seed=seed), 0.1).is_broken for seed in range(1000))
    assert broken <= 5


def test_ranks_are_those_of_mann_and_whitney() -> None:
    features, is_treated = split(400, share=0.4)
    amounts = features[:, :1]
    expected = mannwhitneyu(amounts[is_treated, 0], amounts[~is_treated, 0], use_continuity=False).pvalue
    z = statistics._rank_differences(amounts, is_treated)[0]
    assert 2 * statistics.norm.sf(abs(z)) == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("what", ["amount", "score", "number of users"])
def test_a_broken_split_is_found_and_named(what: str) -> None:
    features, is_treated = split(5000)
    if what == "amount":  # the highest amounts are treated more often
        is_treated |= (features[:, 0] > np.quantile(features[:, 0], 0.7)) & (np.arange(5000) % 2 == 0)
    elif what == "score":  # users with an unknown score are left out of the holdout
        kept = is_treated | ~np.isnan(features[:, 1])
        features, is_treated = features[kept], is_treated[kept]
    else:
        kept = is_treated | (np.arange(5000) % 3 > 0)
        features, is_treated = features[kept], is_treated[kept]
    found = balance(NAMES, features, is_treated, 0.1)
    assert found.is_broken
    assert found.what == what
