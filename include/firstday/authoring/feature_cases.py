"""Cases of features: `include/use_cases/<name>/cases.yaml`, events and the features that are expected of them.

```yaml
- case: a registration and two bets
  events:
    - {user_id: u1, event_type: new_registration, event_time: "2026-03-01 10:00:00", postcode: "10001"}
  as_of: "2026-03-01 12:00:00"
  features: {u1: {bet_count: 2}}
```

Events are as a source sends them, so the mapping is tested too. Features that are not named are not compared; null is
an unknown value. Times are UTC.
"""

import json
import math
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from include.firstday.authoring import sample_events
from include.firstday.authoring.check_sample import Finding
from include.firstday.errors import FirstdayError
from include.firstday.features import update_features
from include.firstday.features.model_inputs import Value
from include.firstday.features.user_features import build_features
from include.firstday.lake import clock, connections
from include.firstday.schema import create_tables
from include.firstday.use_case.base import Frozen, NonEmptyStr
from include.firstday.use_case.use_case import UseCase

FILE = "cases.yaml"


class FeatureCase(Frozen):
    """Events, and what the features of some users are as of a moment."""

    case: NonEmptyStr
    events: list[dict[str, Any]] = Field(min_length=1)
    as_of: datetime
    features: dict[str, dict[str, Value]] = Field(min_length=1)


def failures(case: UseCase) -> Iterator[Finding]:
    """Run the cases of a use case, where it has any; one finding per rejected event and per other value."""
    path = case.folder / FILE
    where = f"include/use_cases/{case.name}/{FILE}"
    if not path.exists():
        return
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        cases = TypeAdapter(list[FeatureCase]).validate_python(content or [])
    except (yaml.YAMLError, ValidationError) as error:
        yield Finding(f"{where}: expected a list of cases with case, events, as_of and features: {error}")
        return
    for one in cases:
        try:
            yield from (Finding(f"{where}: {one.case}: {text}") for text in _run(case, one))
        except FirstdayError as error:
            yield Finding(f"{where}: {one.case}: {error}")


def _run(case: UseCase, one: FeatureCase) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder, connections.scratch(case.name) as lake:
        file = Path(folder) / "case.ndjson"
        file.write_text("".join(json.dumps(event, default=str) + "\n" for event in one.events), encoding="utf-8")
        create_tables.create(lake, case)
        rejected = sample_events.store(lake, case, [file])
        yield from (f"event {row['first_row']} is rejected: {row['reason']}" for row in rejected)
        update_features.fold(lake, case, after=0, upto=1)
        update_features.write(lake)
        build_features(lake, case, clock.naive(one.as_of) if one.as_of.tzinfo else one.as_of, into="features_of_case")
        found = {row["user_id"]: row for row in lake.rows_of("features_of_case")}
    for user, expected in one.features.items():
        if user not in found:
            yield f"user {user}: expected a registered user, found {', '.join(map(str, found)) or 'none'}"
            continue
        yield from _differences(user, found[user], expected)


def _differences(user: str, found: dict[str, Any], expected: dict[str, Value]) -> Iterator[str]:
    for name, value in expected.items():
        if name not in found:
            yield f"feature {name}: expected a column of user_features.sql, found {', '.join(found)}"
        elif not _is_equal(found[name], value):
            yield f"user {user}, feature {name}: expected {_shown(value)}, found {_shown(found[name])}"


def _is_equal(found: Any, expected: Value) -> bool:
    if found is None or expected is None:
        return found is expected
    if isinstance(found, str) or isinstance(expected, str):
        return bool(found == expected)
    return math.isclose(float(found), expected, rel_tol=1e-9, abs_tol=1e-9)


def _shown(value: Any) -> str:
    if value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return f"{float(value):.10g}"
