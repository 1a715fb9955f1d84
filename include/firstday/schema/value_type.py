"""The type in which values of measures are kept: exact decimals with the decimals of `value` in measures.sql."""

from include.firstday.errors import UseCaseError
from include.firstday.lake.lake import Lake
from include.firstday.records.numbers import decimals
from include.firstday.use_case.use_case import UseCase

LEAST_DECIMALS, MOST_DECIMALS, DIGITS = 2, 8, 18
TABLE = "value_type"


def build_value_type(lake: Lake, use_case: UseCase, measures: str) -> None:
    """Store one zero of the type of kept values in `value_type`; `measures` is the result of measures.sql.

    `factor` has a digit more, as DuckDB would keep the product of two decimals of 18 digits in as many.

    Raises UseCaseError where values have a type whose sums would be rounded, or would depend on their order.
    """
    columns = lake.columns(measures)
    if "value" not in columns:
        raise UseCaseError(
            f"in {_file(use_case)}: expected a column value, needed by every stage; found {', '.join(columns)}"
        )
    scale = _scale(use_case, columns["value"])
    kinds = {"value": f"decimal({DIGITS}, {scale})", "factor": f"decimal({DIGITS + 1}, {scale})"}
    lake.build_text(TABLE, f"select {', '.join(f'cast(0 as {kind}) as {name}' for name, kind in kinds.items())}")


def _scale(use_case: UseCase, kind: str) -> int:
    """How many decimals are kept of values of a type."""
    if kind == "BOOLEAN":
        return LEAST_DECIMALS
    scale = decimals(kind)
    if scale is None:
        raise UseCaseError(
            f"in {_file(use_case)}: value: expected whole numbers or decimals, found {kind}, of which sums are rounded "
            "and depend on the order of events; declare the column as decimal(18, 4) in events.sql, or write "
            "cast(... as decimal(18, 4)) as value"
        )
    if scale > MOST_DECIMALS:
        raise UseCaseError(
            f"in {_file(use_case)}: value: expected at most {MOST_DECIMALS} decimals, found {kind}; write "
            f"cast(... as decimal({DIGITS}, {MOST_DECIMALS})) as value, or count in a smaller unit"
        )
    if scale > LEAST_DECIMALS and _digits(kind) > DIGITS:
        raise UseCaseError(
            f"in {_file(use_case)}: value: expected at most {DIGITS} digits, found {kind}, as sums of squares of more "
            f"are not exact; write cast(... as decimal({DIGITS}, {scale})) as value"
        )
    return max(scale, LEAST_DECIMALS)


def _digits(kind: str) -> int:
    return int(kind.removeprefix("DECIMAL(").split(",")[0])


def _file(use_case: UseCase) -> str:
    return f"sql/use_cases/{use_case.name}/measures.sql"
