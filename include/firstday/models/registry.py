"""The model registry: MLflow's, with models as skops files, never pickles.

A model is a scikit-learn pipeline over the use case's features, in their order. skops (https://skops.readthedocs.io)
restores only types it knows or that are listed here, whatever a model's own metadata says.
"""

import hashlib
import importlib
import json
import logging
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from include.firstday.errors import ModelError
from include.firstday.features.model_inputs import Value, model_inputs
from include.firstday.servers import links
from include.firstday.settings import settings, version
from include.firstday.use_case.use_case import UseCase

log = logging.getLogger(__name__)

CHAMPION = "champion"
CHALLENGER = "challenger"
MODEL_FILE = "model.skops"
REFERENCE_FILE = "reference.json"
CARD_FILE = "model.json"  # of the bundled model
DESCRIPTION = 5000  # characters that MLflow's database takes
CUT = "\n\nThe whole card is in the version's run."
REFITTED = "firstday.refitted"  # tag of a run whose model was fitted on test users, too
EXPERIMENT_KIND = ("mlflow.experimentKind", "custom_model_development")  # MLflow opens it as model training
LIBRARIES = ("lightgbm", "xgboost")  # whose classifiers skops stores by their own text or binary JSON, if installed
TRUSTED = (
    "collections.OrderedDict",
    "collections.defaultdict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.tree._tree.Tree",
    "xgboost.core.Booster",
    "xgboost.sklearn.XGBClassifier",
)


@dataclass(frozen=True)
class Champion:
    """A registered model, ready to score."""

    name: str
    version: int
    threshold: float
    features: tuple[str, ...]
    model: Any
    categories: tuple[str, ...] = ()  # those of the features that are texts

    def frame(self, features: pa.Table) -> pd.DataFrame:
        """What the model is given of each row, by name; of a number, NULL becomes NaN, which the model imputes."""
        return model_inputs(features.select(list(self.features)).to_pandas(), self.features, self.categories)

    def predict(self, features: pa.Table) -> NDArray[np.float64]:
        """P(outcome) per row, shape (rows,)."""
        return np.asarray(self.model.predict_proba(self.frame(features))[:, 1])


@dataclass(frozen=True)
class Version:
    """A registered version, without its model. `registered_at` is zoned."""

    number: int
    aliases: tuple[str, ...]
    registered_at: datetime
    run_id: str
    experiment_id: str


def client() -> Any:
    """MLflow's client on the settings' tracking store."""
    from mlflow import MlflowClient

    uri = settings().tracking_uri
    if uri.startswith("sqlite:"):
        settings().mlflow_folder.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def champion(use_case: UseCase) -> Champion | None:
    """The model that carries the alias `champion`; None where there is none. Its file is read once per version."""
    return with_alias(use_case, CHAMPION)


def with_alias(use_case: UseCase, alias: str) -> Champion | None:
    """The model that carries an alias, or None. Raises ModelError where its features are not the use case's."""
    from mlflow.exceptions import MlflowException

    try:
        version = client().get_model_version_by_alias(use_case.name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise
    model = registered_model(use_case.name, int(version.version))
    found = tuple(str(name) for name in model.feature_names_in_)
    if found != use_case.features:
        raise ModelError(
            f"{use_case.name} version {version.version}: expected the features {', '.join(use_case.features)}, "
            f"found {', '.join(found)}; train anew, or move the alias {alias} to a version that fits"
        )
    categories = tuple(getattr(model, "common_values_", {}))
    if {*categories} != {*use_case.categories}:
        raise ModelError(
            f"{use_case.name} version {version.version}: expected the categories "
            f"{', '.join(use_case.categories) or 'none'}, found {', '.join(categories) or 'none'}; train anew, or move "
            f"the alias {alias} to a version that fits"
        )
    threshold = float(version.tags.get("threshold", use_case.scoring.costs.threshold))
    return Champion(use_case.name, int(version.version), threshold, found, model, categories)


def champion_version(use_case: UseCase) -> int | None:
    """Number of the version that carries the alias `champion`, without its model; None where there is none."""
    return next((version.number for version in versions(use_case) if CHAMPION in version.aliases), None)


def versions(use_case: UseCase) -> list[Version]:
    """All registered versions, the newest first; none where nothing was registered."""
    store = client()
    aliases: dict[str, list[str]] = {}
    found = store.search_model_versions(f"name = '{use_case.name}'")
    for alias, number in (store.get_registered_model(use_case.name).aliases if found else {}).items():
        aliases.setdefault(str(number), []).append(alias)
    experiment = _experiment(use_case) if found else ""
    return [
        Version(
            number=int(version.version),
            aliases=tuple(sorted(aliases.get(str(version.version), ()))),
            registered_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
            run_id=str(version.run_id),
            experiment_id=experiment,
        )
        for version in sorted(found, key=lambda version: -int(version.version))
    ]


def run_url(run_id: str) -> str:
    """Where a browser finds a run."""
    return links.mlflow_run(str(client().get_run(run_id).info.experiment_id), run_id)


def register_bundled(use_case: UseCase) -> int | None:
    """Register the use case's bundled model, where the registry holds no version yet.

    Returns its version, or None where there was nothing to do.
    """
    bundled = use_case.scoring.bundled_model
    if bundled is None or client().search_model_versions(f"name = '{use_case.name}'"):
        return None
    import mlflow

    model, card = _load(use_case.folder / bundled), _bundled_card(use_case)
    with start_run(use_case, "bundled model") as run:
        mlflow.set_tags({"firstday.origin": "bundled with the use case", "mlflow.note.content": card["description"]})
        mlflow.log_params(card["parameters"])
        mlflow.log_metrics(card["metrics"])
        log_model(use_case, model, card["example"])
        if (use_case.folder / REFERENCE_FILE).exists():
            mlflow.log_artifact(str(use_case.folder / REFERENCE_FILE))
        version = register(use_case, run.info.run_id, use_case.scoring.costs.threshold)
    describe(use_case, version, card["description"])
    return version


def replaced_enrichment(use_case: UseCase) -> list[str]:
    """Enrichment tables whose file is another than the one that the bundled model was trained with."""
    trained = _bundled_card(use_case)["enrichment"]
    return sorted(name for name, sha256 in enrichment_hashes(use_case).items() if sha256 != trained.get(name, sha256))


def enrichment_hashes(use_case: UseCase) -> dict[str, str]:
    """The hash of each enrichment table's file beside the YAML."""
    files = use_case.enrichment.items()
    return {name: hashlib.sha256((use_case.folder / file).read_bytes()).hexdigest() for name, file in files}


def _bundled_card(use_case: UseCase) -> dict[str, Any]:
    """Description, parameters, metrics, example and enrichment of the bundled model, as `bundle_model` wrote them."""
    empty: dict[str, Any] = {name: {} for name in ("parameters", "metrics", "example", "enrichment")}
    path = use_case.folder / CARD_FILE
    return (
        {"description": use_case.description}
        | empty
        | (json.loads(path.read_text(encoding="utf-8")) if path.exists() else {})
    )


def start_run(use_case: UseCase, name: str, **arguments: Any) -> Any:
    """Start an MLflow run in the use case's experiment; a context manager."""
    import mlflow

    # MLflow asks Spark's client, where it is installed, for a session; in a process without a file (`python -c`, a fork
    # server) the client takes that for a test of its own, and exits.
    sys.modules["__main__"].__dict__.setdefault("__file__", "")
    mlflow.set_tracking_uri(settings().tracking_uri)
    mlflow.set_registry_uri(settings().tracking_uri)
    tags = {"firstday.version": version()}
    return mlflow.start_run(run_name=name, experiment_id=_experiment(use_case), tags=tags, **arguments)


def log_model(use_case: UseCase, model: Any, example: Mapping[str, Value]) -> None:
    """Log a fitted pipeline into the active run as skops, with its signature and an input example by feature.

    Its pyfunc flavour gives probabilities, shape (rows, 2): of label 0 and of label 1. Features are of any number type,
    as MLflow refuses whole numbers of 64 bits for a double; categories are texts, which may be missing.
    """
    import mlflow.sklearn
    import pandas as pd
    import sklearn
    import skops
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, DataType, Schema, TensorSpec

    inputs = [
        ColSpec(DataType.string, name, required=False) if name in use_case.categories else ColSpec(AnyType(), name)
        for name in use_case.features
    ]
    row = {name: example.get(name, None if name in use_case.categories else 0.0) for name in use_case.features}
    row = {name: np.nan_to_num(value) if isinstance(value, float) else value for name, value in row.items()}
    signature = ModelSignature(
        inputs=Schema(inputs),
        outputs=Schema([TensorSpec(np.dtype("float64"), (-1, 2))]),
    )
    mlflow.sklearn.log_model(
        model,
        name="model",
        signature=signature,
        input_example=pd.DataFrame([row]),
        pyfunc_predict_fn="predict_proba",
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED),
        pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"skops=={skops.__version__}", *_libraries(model)],
    )


def _libraries(model: Any) -> list[str]:
    """Requirements of a fitted pipeline beyond scikit-learn."""
    pipelines = [part.estimator for part in getattr(model, "calibrated_classifiers_", [])]
    used = {type(each[-1]).__module__.partition(".")[0] for each in pipelines} & {*LIBRARIES}
    return [f"{name}=={importlib.import_module(name).__version__}" for name in sorted(used)]


def register(use_case: UseCase, run_id: str, threshold: float) -> int:
    """Make the model of a run a new version, marked challenger; its number."""
    import mlflow

    mlflow.set_tracking_uri(settings().tracking_uri)
    (logged,) = client().get_run(run_id).outputs.model_outputs
    version = mlflow.register_model(f"models:/{logged.model_id}", use_case.name, tags={"threshold": str(threshold)})
    client().set_registered_model_alias(use_case.name, CHALLENGER, version.version)
    return int(version.version)


def describe(use_case: UseCase, version: int, text: str) -> None:
    """Set a version's description in Markdown; of one that is too long for MLflow's database, the first lines."""
    if len(text) > DESCRIPTION:
        text = text[: text.rindex("\n", 0, DESCRIPTION - len(CUT))] + CUT
    client().update_model_version(use_case.name, str(version), description=text)


def set_champion(use_case: UseCase, version: int) -> None:
    """Move the alias `champion` to a version, as `promotion` does. The one before keeps its number."""
    client().set_registered_model_alias(use_case.name, CHAMPION, str(version))


def load_from_run(run_id: str) -> Any:
    """The fitted pipeline that a run has logged."""
    import mlflow

    mlflow.set_tracking_uri(settings().tracking_uri)
    return _load(Path(mlflow.artifacts.download_artifacts(f"runs:/{run_id}/model")) / MODEL_FILE)


def _experiment(use_case: UseCase) -> str:
    from mlflow.exceptions import MlflowException

    store = client()
    found = store.get_experiment_by_name(use_case.name)
    if found is None:
        local = (settings().mlflow_folder / "artifacts" / use_case.name).as_uri()
        is_own = not settings().mlflow_url or settings().mlflow_url.startswith(f"http://{settings().host}:")
        try:
            store.create_experiment(use_case.name, artifact_location=local if is_own else None)
        except MlflowException:
            log.debug("another process was quicker", exc_info=True)
        found = store.get_experiment_by_name(use_case.name)
    key, kind = EXPERIMENT_KIND
    if found.tags.get(key) != kind:
        store.set_experiment_tag(found.experiment_id, key, kind)
        store.set_experiment_tag(found.experiment_id, "mlflow.note.content", use_case.description)
    return str(found.experiment_id)


def registered_model(name: str, version: int) -> Any:
    """The model of a version from the local cache; where its file is truncated or corrupt, it is fetched once more."""
    path = _download(name, version)
    try:
        return _load(path)
    except (BadZipFile, zlib.error, EOFError, KeyError, json.JSONDecodeError):
        log.warning("%s is truncated or corrupt and is fetched again", path)
        shutil.rmtree(_cache_folder(name, version))
        return _load(_download(name, version))


def _cache_folder(name: str, version: int) -> Path:
    return settings().models / name / str(version)


def _download(name: str, version: int) -> Path:
    """The model's file in the local cache, where it appears atomically. A version never changes: it is fetched once."""
    folder = _cache_folder(name, version)
    if next(folder.rglob(MODEL_FILE), None) is None:
        import mlflow

        mlflow.set_tracking_uri(settings().tracking_uri)
        mlflow.set_registry_uri(settings().tracking_uri)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{version}-", dir=folder.parent) as partial:
            mlflow.artifacts.download_artifacts(f"models:/{name}/{version}", dst_path=f"{partial}/model")
            shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # another process was quicker
                Path(partial, "model").rename(folder)
    return next(folder.rglob(MODEL_FILE))


@lru_cache(maxsize=4)
def _load(path: Path) -> Any:
    import skops.io

    unknown = set(skops.io.get_untrusted_types(file=path)) - set(TRUSTED)
    if unknown:
        libraries = ", ".join(LIBRARIES)
        raise ModelError(
            f"{path}: expected only types of scikit-learn and of {libraries}, found {', '.join(sorted(unknown))}"
        )
    return skops.io.load(path, trusted=list(TRUSTED))


def log_measurements(use_case: UseCase, name: str, values: dict[str, float], batch_id: int, note: str = "") -> None:
    """Add values to the metrics over time of the one run of a name at a micro-batch; `note` describes the run."""
    import mlflow

    store = client()
    runs = store.search_runs([_experiment(use_case)], f"attributes.run_name = '{name}'", max_results=1)
    resume = {"run_id": runs[0].info.run_id} if runs else {}
    with start_run(use_case, name, **resume):
        mlflow.log_metrics(values, step=batch_id)
        if note:
            mlflow.set_tag("mlflow.note.content", note)


def reference(use_case: UseCase) -> dict[str, Any]:
    """What `drift.references` made of the rows that the champion was trained on; empty where its run has none."""
    import mlflow
    from mlflow.exceptions import MlflowException

    try:
        version = client().get_model_version_by_alias(use_case.name, CHAMPION)
        mlflow.set_tracking_uri(settings().tracking_uri)
        return dict(mlflow.artifacts.load_dict(f"runs:/{version.run_id}/{REFERENCE_FILE}"))
    except (MlflowException, OSError):
        return {}


def rewrite_artifacts(use_case: UseCase, rewrite: Callable[[Path], bool], reason: str) -> list[str]:
    """Let `rewrite` change the files of every run of the use case; ids of the runs of which it changed any.

    A changed run says so itself: its tag `firstday.changed_after_logging` holds the reason and the file.
    """
    store = client()
    changed = []
    for run in _all_runs(store, _experiment(use_case)):
        for artifact in _files(store, run, ""):
            with tempfile.TemporaryDirectory() as folder:
                path = Path(store.download_artifacts(run, artifact, folder))
                if rewrite(path):
                    _replace_artifact(store, run, artifact, path)
                    store.set_tag(run, "firstday.changed_after_logging", f"{reason}: {artifact}")
                    changed.append(run)
    return sorted(set(changed))


def _all_runs(store: Any, experiment_id: str) -> list[str]:
    runs, token = [], None
    while True:
        page = store.search_runs([experiment_id], run_view_type=3, max_results=1000, page_token=token)  # 3: deleted too
        runs += [run.info.run_id for run in page]
        if not (token := page.token):
            return runs


def _files(store: Any, run: str, path: str) -> Iterator[str]:
    for found in store.list_artifacts(run, path or None):
        if found.is_dir:
            yield from _files(store, run, found.path)
        else:
            yield found.path


def _replace_artifact(store: Any, run: str, artifact: str, path: Path) -> None:
    if not path.exists():
        path.write_text("This file held a person who has been forgotten, and could not be rewritten without them.\n")
    store.log_artifact(run, str(path), str(Path(artifact).parent) if "/" in artifact else None)
