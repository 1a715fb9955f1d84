"""Whether a bundled model may act: not where its enrichment tables hold another world than that of its training.

A bundled model is registered before it has seen any event of the lake. Where the file of an enrichment table is not the
one it was trained with, or rows were added to the table, the features that are made of enrichment are compared with
those of its training, by the measures of drift, as soon as there are enough users. Where one is beyond the limits,
nobody is scored until another version is the champion, or the table was corrected. A replaced file holds the model back
until it is compared.
"""

from dataclasses import dataclass

from include.firstday.errors import HeldBackError
from include.firstday.features import point_in_time, update_features
from include.firstday.lake import checkpoints, clock
from include.firstday.lake.lake import Lake
from include.firstday.models import drift, promotion, registry
from include.firstday.use_case.use_case import UseCase

SQL = "scoring/held_back"


@dataclass(frozen=True)
class _Changed:
    """A bundled champion whose enrichment has changed: the last micro-batch of it, and whether a file was replaced."""

    version: int
    enrichment_batch: int
    is_replaced: bool


def notice(lake: Lake, use_case: UseCase) -> str | None:
    """Return why the champion does not act, as far as it was compared; None if it does."""
    changed = _changed(lake, use_case)
    if changed is None:
        return None
    foreign = _foreign(lake, changed)
    if foreign is None and not changed.is_replaced:
        return None
    who = f"nobody is scored: version {changed.version} is the bundled model, and its enrichment was replaced"
    if foreign is None:
        rows = f"{use_case.monitoring.minimum_rows:,} moments of users at cut-offs"
        return f"{who}; {rows} will show whether its features are those of its training; or trigger train_model"
    return f"{who}: unlike in its training is {foreign}; trigger train_model, or correct it" if foreign else None


def is_open(lake: Lake, use_case: UseCase) -> bool:
    """Whether the champion has yet to be compared, or must not act."""
    changed = _changed(lake, use_case)
    return changed is not None and _foreign(lake, changed) != ""


def compare(lake: Lake, use_case: UseCase) -> HeldBackError | None:
    """Compare the champion where that is due, in a transaction; return why it must not act, None if it may."""
    changed = _changed(lake, use_case)
    if changed is None:
        return None
    if _foreign(lake, changed) is None:
        _compare(lake, use_case, changed)
    text = notice(lake, use_case)
    return HeldBackError(f"{use_case.name}: {text}") if text else None


def _changed(lake: Lake, use_case: UseCase) -> _Changed | None:
    if use_case.scoring.bundled_model is None or not use_case.enrichment:
        return None
    for row in lake.rows(f"{SQL}/bundled_promotion", bundled=promotion.BUNDLED):
        batch_id = max(lake.last_batch(table) for table in use_case.enrichment)
        is_replaced = row["reason"] != promotion.BUNDLED
        return _Changed(row["model_version"], batch_id, is_replaced) if is_replaced or batch_id else None
    return None


def _foreign(lake: Lake, changed: _Changed) -> str | None:
    """The features beyond the limits, an empty text if none is, None where they were not compared."""
    known = {"model_version": changed.version, "enrichment_batch": changed.enrichment_batch}
    return next((str(row["foreign_features"]) for row in lake.rows_of("model_checks", **known)), None)


def _compare(lake: Lake, use_case: UseCase, changed: _Changed) -> None:
    upto = checkpoints.of(lake, update_features.STAGE)
    to_time, references = checkpoints.stored(lake, upto).watermark, drift.read(registry.reference(use_case))
    if to_time is None or not references or changed.enrichment_batch > upto:
        return
    rows = point_in_time.passed_cutoffs(use_case, upto, to_time - drift.longest_range(use_case), to_time)
    rows, limits = drift.comparable(references, rows), use_case.monitoring
    if len(rows) < limits.minimum_rows:
        return
    enriched = point_in_time.enriched_features(use_case, rows["user_id"].unique().tolist(), to_time)
    known = {name: reference for name, reference in references.items() if name in enriched}
    found = drift.beyond(known, rows, use_case)
    with lake.transaction() as commit:
        commit.message = f"version {changed.version} was compared with {len(rows):,} users at cut-offs"
        lake.insert_row(
            "model_checks",
            model_version=changed.version,
            enrichment_batch=changed.enrichment_batch,
            checked_at=clock.now(),
            row_count=len(rows),
            foreign_features=", ".join(f"{name} (population stability index {index:.2g})" for name, index in found),
        )
