"""What a task reads and writes, for OpenLineage: the assets that its DAG file declares.

Airflow's OpenLineage provider imports it where `FIRSTDAY_OPENLINEAGE` asks for lineage. Without it, it
would know assets of other systems only.
"""

from airflow.providers.openlineage.extractors.base import BaseExtractor, OperatorLineage
from airflow.sdk import Asset
from openlineage.client.event_v2 import Dataset

NAMESPACE = "firstday"
SCHEME = "firstday://"


class LineageOfTasks(BaseExtractor):
    """Inputs and outputs of a `@task`: datasets of the namespace `firstday`, as `first_day_churn.events`."""

    @classmethod
    def get_operator_classnames(cls) -> list[str]:
        """Every kind of `@task` that DAG files use."""
        return ["_PythonDecoratedOperator", "_ShortCircuitDecoratedOperator"]

    def _execute_extraction(self) -> OperatorLineage:
        return OperatorLineage(inputs=_datasets(self.operator.inlets), outputs=_datasets(self.operator.outlets))


def _datasets(assets: list[object]) -> list[Dataset]:
    names = [asset.uri.removeprefix(SCHEME) for asset in assets if isinstance(asset, Asset)]
    return [Dataset(namespace=NAMESPACE, name=name.replace("/", ".")) for name in names]
