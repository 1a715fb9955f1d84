"""The same features of the same file by other means: a module each, with `run(events, postcodes) -> seconds, rows`.

`rows` maps a user to the features in the order of `FEATURES`. What a contender needs once, such as imports, Spark's
session or the enrichment table, is made before the time begins. Only the standard library is imported here, as
contenders have a Python of their own.
"""

from collections.abc import Iterable

MEASURES = {"purchase": "amount", "bet": "bet_amount", "win": "win_amount"}
AGGREGATES = ("sum", "mean", "count", "var")
FEATURES = ("socioeconomic_idx", *(f"{measure}_{name}" for measure in MEASURES for name in AGGREGATES))
Rows = dict[str, tuple[float, ...]]


def by_user(rows: Iterable[Iterable[object]]) -> Rows:
    """Rows of user and features as numbers; what there is none of is 0, as in Firstday."""
    return {str(user): tuple(_number(value) for value in features) for user, *features in rows}


def _number(value: object) -> float:
    number = 0.0 if value is None else float(value)  # type: ignore[arg-type]
    return 0.0 if number != number else number
