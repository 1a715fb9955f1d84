"""Numbers are stored as they were given, or the row is rejected: nothing is rounded, and `1_000` is no number.

Whatever the format of the file, a number is judged by its decimal text, so that 1.005 is the same in all of them.
"""

import re
from collections.abc import Iterator

from include.firstday.lake.lake import Columns, quoted

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_BINARY = ("FLOAT", "DOUBLE")
_CHECKED = (*_BINARY, "DATE")  # some of whose values are rejected
TEXT = "_text_of_"  # before a column's name: the text that was cast to its type, made once as every rule reads it
_NUMBER = r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*"


def as_texts(columns: Columns, given: Columns) -> dict[str, str]:
    """Column → the value to be cast to its type."""
    return {name: _as_text(quoted(name), kind, given[name]) for name, kind in columns.items() if name in given}


def _as_text(given: str, kind: str, given_as: str) -> str:
    """A value to be cast to `kind`: a binary fraction by its shortest decimal text, which it was written as.

    Where that text is a computed double's, as 0.9400000000000001, it has the error of binary arithmetic. It is then
    taken by its 15 significant digits, which every double has, as long as four of them are beyond the decimals kept.
    """
    scale = decimals(kind)
    if scale is None or given_as not in (*_BINARY, "VARCHAR"):
        return given
    text = f"cast({given} as varchar)"
    if given_as == "FLOAT":
        return text
    double = f"try_cast({given} as double)"
    is_computed = f"strlen({text}) > 15 and abs({double}) < 1e{11 - scale} and cast({double} as varchar) = trim({text})"
    return f"case when {is_computed} then format('{{:.15g}}', {double}) else {text} end"


def decimals(kind: str) -> int | None:
    """How many decimals a type keeps exactly; None for types of other values."""
    if kind in _WHOLE:
        return 0
    digits = _digits(kind)
    return digits[1] if digits else None


def is_exact(kind: str, given_as: str) -> bool:
    """Whether each value of a type is one of the column's type too, by itself or as text: there is nothing to check."""
    if kind == "VARCHAR" or (kind == given_as and kind not in _CHECKED):
        return True
    kept, given = _digits(kind), _digits(given_as)
    return kept is not None and given is not None and given[1] <= kept[1] and given[0] - given[1] <= kept[0] - kept[1]


def _digits(kind: str) -> tuple[int, int] | None:
    """Width and scale of a decimal type."""
    found = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind)
    return (int(found[1]), int(found[2])) if found else None


def inexact(columns: Columns, given: Columns) -> list[str]:
    """Branches of the `case` that yields a row's reason: values that are not of the column's type, or not exactly."""
    branches = []
    for name, kind in columns.items():
        if name in given and not is_exact(kind, given[name]):
            text = quoted(TEXT + name)
            found = f", found ''' || left({text}, 100) || ''''"
            value = quoted(name)
            branches.append(f"when {value} is null and _given.{value} is not null then '{name}: expected {kind}{found}")
            for condition, expected in _conditions(value, kind, text, given[name]):
                fault = f"'{name}: expected {expected}{found}"
                branches.append(f"when {value} is not null and not ({condition}) then {fault}")
    return branches


def _conditions(value: str, kind: str, text: str, given_as: str) -> Iterator[tuple[str, str]]:
    """What a value that could be cast must hold, and what is expected where it does not."""
    scale = decimals(kind)
    if scale is not None and given_as != "BOOLEAN" and decimals(given_as) != 0:
        yield _is_number(text), kind
        yield _has_decimals(value, text, scale), f"at most {scale} decimals" if scale else "a whole number"
    elif kind in _BINARY:
        yield f"isfinite({value})", f"a finite {kind}"
        if given_as == "VARCHAR":
            yield _is_number(text), kind
    elif kind == "DATE":
        yield f"({value} between date '0001-01-01' and date '9999-12-31')", "a DATE of the years 1 to 9999"


def _is_number(text: str) -> str:
    """Digits are the usual case; what else a cast would take, such as `1_000` and `0x10`, is no number."""
    without = " and ".join(f"not contains({text}, '{letter}')" for letter in "_xb")
    is_usual = f"ascii({text}) between 48 and 57 and {without}"
    return f"case when {is_usual} then true else regexp_full_match({text}, '{_NUMBER}') end"


def _has_decimals(value: str, text: str, scale: int) -> str:
    """Whether a text has no more decimals than are kept, but for zeros behind them."""
    point = f"instr({text}, '.')"
    has_power = f"(contains({text}, 'e') or contains({text}, 'E'))"
    is_short = f"({point} = 0 or strlen({text}) - {point} <= {scale}) and not {has_power}"
    is_padded = rf"regexp_full_match({text}, '[^.eE]*(\.\d{{0,{scale}}}0*\s*)?')"
    is_power = f"try_cast({text} as decimal(38, 20)) = {value} and try_cast({text} as double) = cast({value} as double)"
    # A `case`, as `or` would search every text for each.
    return f"case when {is_short} then true when {has_power} then {is_power} else {is_padded} end"
