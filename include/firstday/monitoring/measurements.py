"""Every measurement of a monitoring run: its meaning, its source, and when it raises an alert."""

from dataclasses import dataclass

NANNYML = "https://nannyml.readthedocs.io/en/stable/how_it_works/performance_estimation.html"
ESTIMATED = (
    "expected from the probabilities before labels are known: each prediction has the outcome with its probability "
    f"([Garg et al., 2022](https://arxiv.org/abs/2201.04234); [CBPE]({NANNYML})), recalibrated by isotonic regression "
    "on the last day's users with known labels ([Zadrozny and Elkan, 2002](https://doi.org/10.1145/775047.775151))"
)


@dataclass(frozen=True)
class About:
    """What a measurement is, with its source, and when it raises an alert, by keys of `monitoring` in the YAML."""

    meaning: str
    alert: str = ""
    has_interval: bool = False


MEASUREMENTS = {
    "rows_stored": About("events by type (subject) since the previous run"),
    "events_last_hour": About(
        "events of the last whole hour, by event time",
        "more than a factor of `volume_factor` from `events_norm`, if one of the two is at least `minimum_rows`",
    ),
    "events_norm": About(
        "median of the same hour of the week in the last 4 weeks; in a younger lake of the same hour in the last 7 "
        "days without the lake's first, or the mean of the last day"
    ),
    "rejected_share": About("rejected rows among those of the last hour", "above `rejected_share`"),
    "quarantined_share": About("quarantined files among those of the last hour", "above `quarantined_share`"),
    "lag_seconds_median": About(
        "from an event to its storage: the median of each micro-batch of the last hour, and the median of these, so "
        "one file of old events is no lag",
        "above `lag_seconds`",
    ),
    "lag_seconds_p95": About("the same of the 95th percentile of each micro-batch"),
    "null_share": About("share of unknown values of a feature (subject)"),
    "null_share_shift": About(
        "`null_share` above that in the champion's training set, at the cut-off with most of them", "above `null_share`"
    ),
    "psi": About(
        "population stability index of users at the cut-offs against the champion's training set, by feature and for "
        "`probability` (subject): Σ (p − q) · ln(p / q) over its deciles and unknown values, or over a "
        "category's frequent, rare, new and unknown values (Siddiqi, 2006)"
    ),
    "jensen_shannon": About("Jensen-Shannon distance over the same bins, to base 2 (Lin, 1991)"),
    "drifted": About(
        "1 if `psi` and `jensen_shannon` are above the keys of their names",
        "in `drifted_runs` of the last `runs` monitoring runs; then `train_model` is triggered",
    ),
    "retraining_asked": About("number of features whose confirmed drift triggered a training"),
    "estimated_roc_auc": About(f"ROC AUC {ESTIMATED}"),
    "estimated_brier": About("Brier score expected in the same way"),
    "estimated_rate": About("rate expected in the same way"),
    "realised_users": About("users whose label became known in the last day; with a horizon, that of a cut-off"),
    "realised_rate": About("share with the outcome among them"),
    "rate_shift": About(
        "distance of `realised_rate` from the mean of the runs of the 28 days before, with the interval of a "
        "difference of two proportions",
        "beyond `rate_shift`",
        True,
    ),
    "realised_roc_auc": About(
        "ROC AUC of these users' predictions, each user counted once, by version; interval by bootstrap over users "
        "([Field and Welsh, 2007](https://doi.org/10.1111/j.1467-9868.2007.00593.x))",
        "below `roc_auc`",
        True,
    ),
    "realised_log_loss": About("log loss of the same predictions"),
    "realised_brier": About("Brier score of the same predictions"),
    "realised_calibration_gap": About(
        "predicted minus realised share with the outcome, of these users, overall and by cut-off (subject); "
        "interval from the standard error over users",
        "beyond `calibration_gap`",
        True,
    ),
    "compared_users": About("users whom champion and challenger scored at the same moments, with known labels"),
    "compared_roc_auc": About("ROC AUC of champion or challenger (subject) on them"),
    "compared_log_loss": About("log loss of champion or challenger (subject) on them"),
    "compared_advantage": About("by how much the challenger's log loss is lower, as a mean over users", "", True),
    "inconsistent_predictions": About(
        "of a sample of logged predictions, those that a recompute of the features does not reproduce", "above 0"
    ),
}
