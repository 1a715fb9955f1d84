"""Model versions, score distribution, calibration and monitoring measurements."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from include.firstday.features import labels
from include.firstday.lake import clock
from include.firstday.lake.lake import Lake
from include.firstday.models import registry
from include.firstday.servers import links
from include.firstday.use_case.use_case import UseCase
from include.firstday.web.cache import Memory
from include.firstday.web.reader import Reader
from include.firstday.web.schemas import model as schemas

BINS = 20
MONITORED = timedelta(days=14)
FRESH = 10.0
REGISTRY_SECONDS = 30.0

_REGISTRY = Memory()  # not the reader's: a slow MLflow must not block queries of the lake


def model(reader: Reader) -> schemas.Model:
    """Return everything the model tab shows."""
    use_case = reader.use_case
    found: dict[str, Any] = reader.ask(lambda lake: _look(lake, use_case), "model tab", seconds=FRESH)
    registered, error = _REGISTRY.get(lambda: _registered(use_case), use_case.name, REGISTRY_SECONDS)
    return schemas.Model(
        name=use_case.name,
        url=links.model(use_case.name),
        registry_error=error,
        versions=_versions(use_case, _as_of(reader, registered, found["promotions"]), found),
        promotions=[_promotion(row) for row in found["promotions"]],
        distribution=_distribution(found["distribution"]),
        calibration=found["calibration"],
        monitoring=found["monitoring"],
        limits=schemas.Limits(**{name: getattr(use_case.monitoring, name) for name in schemas.Limits.model_fields}),
    )


def _as_of(
    reader: Reader, registered: list[registry.Version], promotions: list[dict[str, Any]]
) -> list[registry.Version]:
    """At an earlier snapshot, the versions that there were, and the alias of the champion by its promotion."""
    if reader.snapshot is None:
        return registered
    champion = promotions[0]["model_version"] if promotions else None
    return [
        replace(version, aliases=(registry.CHAMPION,) if version.number == champion else ())
        for version in registered
        if clock.naive(version.registered_at) <= clock.now()
    ]


def _look(lake: Lake, use_case: UseCase) -> dict[str, Any]:
    now, label_seconds = clock.now(), labels.known_after_seconds(use_case)
    return {
        "used": lake.rows("web/model/models_used"),
        "in_shadow": lake.rows("web/model/shadow_used"),
        "promotions": lake.rows("models/promotion/promotions", until=now),
        "distribution": lake.rows("web/model/score_distribution", since=now - timedelta(days=1)),
        # A derived label is not stored in the lake; monitor_model computes it.
        "calibration": lake.rows("web/model/calibration", now=now, label_seconds=label_seconds)
        if use_case.training.label == "explicit"
        else [],
        "monitoring": lake.rows("web/model/monitoring", since=now - MONITORED),
    }


def _registered(use_case: UseCase) -> tuple[list[registry.Version], str | None]:
    """Return the registry's versions, or none and an error: the page still shows what is in the lake."""
    try:
        return registry.versions(use_case), None
    except Exception as error:  # from MLflow, its database or the network: the page shows which
        return [], f"MLflow is not reachable: {str(error).splitlines()[0][:200]}"


def _versions(
    use_case: UseCase, registered: list[registry.Version], looked: dict[str, Any]
) -> list[schemas.ModelVersion]:
    scored = {row["model_version"]: row for row in looked["used"]}
    shadow = {row["model_version"]: row["shadow_predictions"] for row in looked["in_shadow"]}
    known = {version.number: version for version in registered}
    found = []
    for number in sorted(scored.keys() | shadow.keys() | known.keys(), reverse=True):
        version, row = known.get(number), scored.get(number, {})
        found.append(
            schemas.ModelVersion(
                version=number,
                aliases=list(version.aliases) if version else [],
                registered_at=clock.naive(version.registered_at) if version else None,
                first_scored_at=row.get("first_scored_at"),
                last_scored_at=row.get("last_scored_at"),
                predictions=row.get("predictions", 0),
                shadow_predictions=shadow.get(number, 0),
                predicted_share=row.get("predicted_share"),
                url=links.model_version(use_case.name, number),
                run_url=links.mlflow_run(version.experiment_id, version.run_id) if version else None,
            )
        )
    return found


def _promotion(row: dict[str, Any]) -> schemas.Promotion:
    return schemas.Promotion(
        **row,
        version=row["model_version"],
        url=links.airflow_run(row["airflow_run"]),
        model_url=links.model_version(row["model_name"], row["model_version"]),
    )


def _distribution(rows: list[dict[str, Any]]) -> list[schemas.Bin]:
    by_bin = {row["bin"]: row for row in rows}
    return [
        schemas.Bin(
            low=index / BINS,
            high=(index + 1) / BINS,
            users=by_bin.get(index, {}).get("users", 0),
            predicted=by_bin.get(index, {}).get("predicted", 0),
        )
        for index in (range(BINS) if rows else ())
    ]
