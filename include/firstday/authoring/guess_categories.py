"""Guess which text columns of a file of events are categories of users, such as a country or a device."""

import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

ID_NAME = re.compile(r"(^|_)(id|ids|uuid|key|code|no|nr|number|sku|zip|postcode)$")
# Columns of users, and of predictions beside the features.
TAKEN = {"registered_at", "window_start", "window_end", "closed_at", "label", "first_seen_at", "last_seen_at"} | {
    "as_of", "scored_because", "scored_at", "probability", "predicted", "model_name", "model_version", "airflow_run",
    "reasons",
}  # fmt: skip
MOST_VALUES = 30
USERS_OF_A_VALUE = 10  # at least, on average: of fewer users a value says little
KNOWN_SHARE = 0.5  # of users, in their first event


def categories(rows: pa.Table, user: str, columns: Mapping[str, str]) -> list[str]:
    """Our names of columns of which users' first rows, in the order of the file, have a few different values.

    `columns`: theirs → ours, of those that are texts.
    """
    found = {theirs: ours for theirs, ours in columns.items() if ours not in TAKEN and not ID_NAME.search(ours)}
    return [ours for theirs, ours in found.items() if _is_category(rows[user], rows[theirs].cast(pa.string()))]


def _is_category(users: pa.ChunkedArray, values: pa.ChunkedArray) -> bool:
    known = pa.table({"user": users, "value": values}).filter(pc.is_valid(users))
    # "first" depends on the order of rows, which threads do not keep.
    first = known.group_by("user", use_threads=False).aggregate(
        [("value", "first", pc.ScalarAggregateOptions(skip_nulls=False))]
    )["value_first"]
    different = pc.count_distinct(first, mode="only_valid").as_py()
    is_known = len(first) - first.null_count >= KNOWN_SHARE * max(len(first), 1)
    return bool(is_known and 2 <= different <= min(MOST_VALUES, len(first) / USERS_OF_A_VALUE))
