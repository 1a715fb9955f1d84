"""Top drivers of one user's current probability: Shapley values against the training median."""

import logging
import math
import threading

from include.firstday.errors import HeldBackError, InputError, NothingToExplainError
from include.firstday.features.model_inputs import Value, value_of
from include.firstday.models import registry
from include.firstday.models.reasons import Explainer
from include.firstday.scoring import held_back
from include.firstday.scoring.explain import Effect, explain
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.cache import Memory
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import users as schemas

METHOD = (
    "Shapley values against the median of the training set, of categories the most frequent value. Features that say "
    "the same have one effect; the effects add up to the difference from the probability of a user with these values."
)
REASONS = 3  # of a prediction that is asked for
MODEL_SECONDS = 60.0  # how long the champion is cached
HELD_SECONDS = 5.0  # how long it is cached whether it is held back

log = logging.getLogger(__name__)
_TYPICAL: dict[str, dict[str, Value]] = {}
_MODELS = Memory()  # not the reader's: the first load takes seconds and must not block queries of the lake


def drivers(reader: Reader, user_id: str) -> schemas.Drivers:
    """Return the effects of a user's features on the champion's probability.

    Raises NothingToExplainError where there is no champion, HeldBackError where it must not act.
    """
    model = _acting(reader)
    found = explain(model, _of_user(reader, user_id))
    return schemas.Drivers(
        method=METHOD,
        model_version=found.model_version,
        probability=found.probability,
        base_probability=found.base,
        drivers=[_driver(one) for one in found.effects],
    )


def predict(reader: Reader, asked: schemas.Asked) -> schemas.Answer:
    """Predict by the champion for a user as of now, or for given features. Raises InputError, and as `drivers`."""
    use_case = reader.use_case
    if (asked.user_id is None) == (asked.features is None):
        raise InputError("expected user_id or features, and not both")
    model = _acting(reader)
    features = _of_user(reader, asked.user_id) if asked.user_id is not None else dict(asked.features or {})
    if unknown := sorted(set(features) - set(use_case.features)):
        raise InputError(f"features: expected some of {', '.join(use_case.features)}, found {', '.join(unknown)}")
    whole = {name: _expected(use_case, name, features.get(name)) for name in use_case.features}
    found = explain(model, whole)
    return schemas.Answer(
        probability=found.probability,
        predicted=found.probability >= model.threshold,
        threshold=model.threshold,
        model_version=model.version,
        reasons=[
            schemas.Reason(features=list(one.values), effect=one.effect, values=list(one.values.values()))
            for one in found.effects[:REASONS]
        ],
        features=whole,
    )


def _acting(reader: Reader) -> registry.Champion:
    use_case = reader.use_case
    model = champion(use_case)
    if model is None:
        raise NothingToExplainError("no champion yet: trigger train_model")
    held = reader.ask(lambda lake: held_back.notice(lake, use_case), "held_back", seconds=HELD_SECONDS)
    if held:
        raise HeldBackError(f"{use_case.name}: {held}")
    return model


def _expected(use_case: UseCase, name: str, value: Value) -> Value:
    """A given value as the feature's type; a number may be given as a text. Raises InputError for another."""
    if value is None or (name in use_case.categories) == isinstance(value, str):
        return value
    try:
        if name not in use_case.categories and math.isfinite(number := float(value)):
            return number
    except ValueError:
        pass
    kind = "a text" if name in use_case.categories else "a number"
    raise InputError(f"features: {name}: expected {kind}, found {value!r}")


def _of_user(reader: Reader, user_id: str) -> dict[str, Value]:
    rows = reader.ask(lambda lake: lake.rows_of("user_features", user_id=user_id))
    if not rows:
        raise NothingToExplainError(f"user {user_id} has no features")
    return {name: value_of(rows[0][name]) for name in reader.use_case.features}


def typical(use_case: UseCase) -> dict[str, Value]:
    """Typical value of each feature in the champion's training set; none until the model is loaded, in seconds."""
    known: dict[str, Value] | None = _TYPICAL.get(use_case.name)
    if known is None:
        _TYPICAL[use_case.name] = {}
        threading.Thread(target=_load_typical, args=(use_case,), daemon=True).start()
    return known or {}


def _load_typical(use_case: UseCase) -> None:
    try:
        found = champion(use_case)
        _TYPICAL[use_case.name] = Explainer(found.model).typical if found else {}
    except Exception:
        log.warning("the typical values of %s could not be read from MLflow", use_case.name, exc_info=True)
        _TYPICAL.pop(use_case.name, None)


def champion(use_case: UseCase) -> registry.Champion | None:
    """The champion, remembered for a minute."""
    return _MODELS.get(lambda: registry.champion(use_case), use_case.name, MODEL_SECONDS)


def _driver(one: Effect) -> schemas.Driver:
    features = [
        schemas.FeatureValue(feature=name, value=value, median=one.typical[name]) for name, value in one.values.items()
    ]
    return schemas.Driver(features=features, effect=one.effect)
