"""Which model is live, and which one a rollback puts back."""

from datetime import datetime

import pytest

from include.firstday.errors import ModelError
from include.firstday.lake import clock
from include.firstday.lake.run import Run
from include.firstday.models import promotion, registry
from include.firstday.models.promotion import NothingToRollBackError
from include.firstday.schema.open_lake import open_lake
from include.firstday.use_case.use_case import UseCase

RETRIED = Run("first_day_churn.rollback_model", "manual", "put_back")


def register(case: UseCase) -> int:
    """Another version, of the bundled model's run."""
    return registry.register(case, registry.versions(case)[-1].run_id, threshold=0.5)


def promoted(case: UseCase, count: int) -> UseCase:
    """A use case whose versions 1 to `count` were champion one after the other."""
    promotion.register_bundled(case)
    for _ in range(count - 1):
        promotion.promote(case, register(case), "better")
    return case


def test_a_second_rollback_goes_back_further_and_never_to_what_was_rolled_back(churn: UseCase) -> None:
    promoted(churn, 3)
    assert promotion.rollback_model(churn) == (3, 2)
    assert promotion.rollback_model(churn) == (2, 1)
    with pytest.raises(NothingToRollBackError, match=r"no earlier champion .* registered versions: 3, 2, 1$"):
        promotion.rollback_model(churn)
    assert registry.champion_version(churn) == 1


def test_after_a_rollback_and_a_promotion_the_one_before_is_put_back(churn: UseCase) -> None:
    promoted(churn, 2)
    promotion.rollback_model(churn)
    promotion.promote(churn, register(churn), "better")
    assert promotion.rollback_model(churn) == (3, 1)


def test_a_version_that_is_named_is_put_back_also_one_that_was_rolled_back(churn: UseCase) -> None:
    promoted(churn, 3)
    promotion.rollback_model(churn)
    assert promotion.rollback_model(churn, 3) == (2, 3)
    assert promotion.rollback_model(churn) == (3, 1)
    with pytest.raises(NothingToRollBackError, match="version 1 is the champion already; choose another"):
        promotion.rollback_model(churn, 1)
    with pytest.raises(ModelError, match=r"there is no version 9 in the registry; .* registered versions: 3, 2, 1$"):
        promotion.rollback_model(churn, 9)


def test_a_retried_rollback_is_done_once(churn: UseCase) -> None:
    promoted(churn, 3)
    assert promotion.rollback_model(churn, run=RETRIED) == promotion.rollback_model(churn, run=RETRIED) == (3, 2)
    last = promotion.promotion_at(churn, clock.now())
    assert last is not None
    assert last["model_version"] == 2
    assert promotion.promotion_at(churn, datetime(2000, 1, 1)) is None


def test_with_the_first_champion_there_is_nothing_to_roll_back_to(churn: UseCase) -> None:
    with open_lake(churn):
        pass  # makes the tables
    with pytest.raises(NothingToRollBackError, match="there is no champion"):
        promotion.rollback_model(churn)
    promoted(churn, 1)
    with pytest.raises(NothingToRollBackError, match=r"registered versions: 1$"):
        promotion.rollback_model(churn)
