"""Training of a model of uplift from the users of an experiment: candidates, test, gates, registry and card."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, StrictUndefined
from matplotlib import pyplot
from threadpoolctl import threadpool_limits

from include.firstday.errors import TooLittleDataError
from include.firstday.features.model_inputs import inputs_of, typical_values
from include.firstday.models import registry
from include.firstday.models.encoders import Encoding, encoding_of
from include.firstday.models.training import plots
from include.firstday.models.training.metrics import Estimate
from include.firstday.models.training.training_set import TEST_SHARE
from include.firstday.models.uplift import learners, qini, store
from include.firstday.models.uplift.qini import Tested
from include.firstday.use_case.use_case import UseCase

# Markdown, whose raw HTML is not rendered: nothing is to be escaped.
_TEMPLATE = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True).from_string(  # noqa: S701
    Path(__file__).with_name("uplift_card.md.j2").read_text(encoding="utf-8")
)


@dataclass(frozen=True)
class Trained:
    """A trained version: what it was made from, what its gates found, and whether it is the champion."""

    target: str
    experiment: str
    version: int
    users: int
    candidate: str
    judged: dict[str, Estimate]
    is_promoted: bool

    @property
    def reason(self) -> str:
        """The gates' findings, in one line."""
        return "; ".join(f"{name} {found}" for name, found in self.judged.items())


@dataclass(frozen=True)
class Experiment:
    """Users of an experiment with a known outcome, by when they entered it; columns as in `measured_users.sql`."""

    use_case: UseCase
    target: str
    name: str
    outcome: str
    users: pd.DataFrame

    def split(self) -> tuple["Experiment", "Experiment"]:
        """The older users, and the newest quarter."""
        ordered = self.users.sort_values(["assigned_at", "user_id"], ignore_index=True)
        first = int(len(ordered) * (1 - TEST_SHARE))
        parts = (ordered.iloc[:first], ordered.iloc[first:])
        train, test = (Experiment(self.use_case, self.target, self.name, self.outcome, part) for part in parts)
        return train, test

    @property
    def features(self) -> pd.DataFrame:
        """What a model is given of each user."""
        return inputs_of(self.use_case, self.users)

    @property
    def encoding(self) -> Encoding:
        """How categories are encoded, by these users."""
        return encoding_of(self.use_case, self.features, "continuous")

    @property
    def tested(self) -> Tested:
        """Outcomes and arms."""
        return Tested(self.users["outcome"].to_numpy("float64"), self.users["arm"].to_numpy() == "treated")

    @property
    def risk(self) -> np.ndarray:
        """The probability of the outcome by which the users were due."""
        return self.users["probability"].to_numpy("float64")

    def check_size(self) -> None:
        """Raise TooLittleDataError where there are fewer users than the use case asks for."""
        wanted, held = self.use_case.uplift, int((self.users["arm"] == "holdout").sum())
        if len(self.users) < wanted.minimum_users or held < wanted.minimum_holdout:
            raise TooLittleDataError(
                f"{self.name}: {len(self.users):,} users have a known outcome, {held:,} of them held out; at least "
                f"{wanted.minimum_users:,} and {wanted.minimum_holdout:,} are needed for a model of uplift"
            )


def train(experiment: Experiment) -> Trained:
    """Cross-fit the candidates on the older users, test the best on the newest, promote it if it passes the gates."""
    import mlflow

    use_case, target = experiment.use_case, experiment.target
    older, newest = experiment.split()
    scores = _candidates(older)
    best = max(scores, key=lambda name: scores[name].value)
    learner, unfitted = learners.candidates(use_case.uplift.regressors, older.encoding)[best]
    with threadpool_limits(1):
        model = learner(unfitted, older.features, older.tested.outcome, older.tested.is_treated)
    uplift = model.predict(newest.features)
    judged = qini.judge(newest.tested, uplift, newest.risk)
    at_shares = {share: qini.uplift_at(newest.tested, uplift, share) for share in qini.SHARES}
    with registry.start_run(use_case, f"uplift of {target}") as run:
        users = len(experiment.users)
        mlflow.log_params({"experiment": experiment.name, "users": users, "candidate": best})
        _log_metrics(judged, at_shares)
        orders = {"uplift": uplift, qini.RISK: newest.risk}
        mlflow.log_table(qini.curve(newest.tested, orders), "qini.json")
        plots.log(_figure(qini.curve(newest.tested, orders)), "qini.png")
        typical = typical_values(experiment.features)
        example = {name: 0.0 if value != value else value for name, value in typical.items()}  # NaN: all are unknown
        version = store.log_and_register(use_case, target, model, example, run.info.run_id)
        done = Trained(target, experiment.name, version, users, best, judged, qini.passes(judged))
        _describe(experiment, done, scores, at_shares)
    if done.is_promoted:
        store.promote(use_case, target, version, done.reason)
    return done


def _candidates(older: Experiment) -> dict[str, Estimate]:
    found = {}
    for name, (learner, unfitted) in learners.candidates(older.use_case.uplift.regressors, older.encoding).items():
        tested = older.tested
        uplift = learners.cross_fitted(learner, unfitted, older.features, tested.outcome, tested.is_treated)
        found[name] = qini.qini(tested, uplift)
    return found


def _log_metrics(judged: dict[str, Estimate], at_shares: dict[float, Estimate]) -> None:
    import mlflow

    named = judged | {f"uplift_at_{share:.0%}".replace("%", "_percent"): found for share, found in at_shares.items()}
    for name, found in named.items():
        ends = {f"{name}": found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        mlflow.log_metrics({key: value for key, value in ends.items() if np.isfinite(value)})


def _describe(
    experiment: Experiment, done: Trained, scores: dict[str, Estimate], at_shares: dict[float, Estimate]
) -> None:
    """Log the card, and tag the version with what it was made from."""
    import mlflow

    card = _TEMPLATE.render(
        use_case=experiment.use_case,
        **{name: getattr(done, name) for name in ("target", "version", "experiment", "users", "judged", "is_promoted")},
        holdout=int((experiment.users["arm"] == "holdout").sum()),
        outcome=experiment.outcome,
        uplift_at=at_shares,
        candidates=scores,
    )
    mlflow.log_text(card, "uplift_card.md")
    mlflow.set_tag("mlflow.note.content", card)
    mlflow.log_dict({name: asdict(found) for name, found in done.judged.items()}, "gates.json")
    name, client = store.model_name(experiment.use_case, done.target), registry.client()
    client.update_model_version(name, str(done.version), description=card[: registry.DESCRIPTION])
    tags: dict[str, Any] = {"experiment": done.experiment, "users": done.users, "outcome": experiment.outcome}
    for key, value in tags.items():
        client.set_model_version_tag(name, str(done.version), key, str(value))


def _figure(curve: pd.DataFrame) -> Any:
    """The gain by share of treated users, by each order and by chance."""
    figure, axes = pyplot.subplots()
    for name, part in curve.groupby("order"):
        axes.plot(part["share"], part["gain"], label=f"by {name}")
    axes.plot([0, 1], [0, curve["gain"].iloc[-1]], color="grey", linestyle="--", label="by chance")
    axes.set(xlabel="share of users who are treated", ylabel="gain per user", title="Qini curve")
    axes.legend()
    return figure
