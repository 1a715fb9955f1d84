"""Responses of the Lake room, and of posted events and queries."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from include.firstday.web.schemas.common import Utc


class Accepted(BaseModel):
    """The response to posted events, sent once they are durable in landing."""

    accepted: int = Field(description="rows accepted; each is stored in events, or in rejected_events with a reason")
    repeated: bool = Field(description="whether the same rows were posted before with the same Idempotency-Key")


class LakeTable(BaseModel):
    """A table of the lake and its Parquet files."""

    table_name: str
    rows: int
    files: int
    bytes: int
    delete_files: int


class MicroBatch(BaseModel):
    """A micro-batch and the run that stored it."""

    batch_id: int
    rows_stored: int
    rows_rejected: int
    files: int
    bytes: int
    started_at: Utc
    committed_at: Utc
    airflow_run: str | None
    url: str | None


class Snapshot(BaseModel):
    """A snapshot of the lake: the Airflow run that committed it, and its commit message."""

    snapshot_id: int
    committed_at: Utc
    airflow_run: str
    url: str | None
    message: str


class ColumnAbout(BaseModel):
    """A column, its DuckDB type, and its meaning."""

    name: str
    type: str
    about: str
    is_personal: bool = Field(description="whether its values are never shown")


class BatchRows(BaseModel):
    """Rows of a table that are of one micro-batch."""

    batch_id: int
    committed_at: Utc
    rows: int


class TableAbout(BaseModel):
    """A table or view: what it is, how large and fresh, what reads it, and rows of its latest micro-batch."""

    name: str
    is_view: bool
    description: str
    columns: list[ColumnAbout]
    rows: int | None = Field(description="null of a view, which would have to be computed")
    files: int = Field(description="Parquet files; 0 of a view")
    bytes: int
    last_batch: int | None
    changed_at: Utc | None
    batches: list[BatchRows] = Field(description="its rows by the latest micro-batches, oldest first; none of a view")
    read_by: list[str]
    sample: list[dict[str, Any]]


class LineageNode(BaseModel):
    """A table or view of the lake, or a place outside of it."""

    name: str
    kind: Literal["table", "view", "outside"]


class LineageEdge(BaseModel):
    """One is made from another, by a stage of process_events or a DAG."""

    source: str
    target: str
    by: str
    dag: str | None = Field(description="id of the DAG; null where there is one per source or target")


class Lineage(BaseModel):
    """What is made from what."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]


class QueryText(BaseModel):
    """A query: one SELECT."""

    sql: str = Field(min_length=1, max_length=20_000)


class QueryResult(BaseModel):
    """The first rows of a query."""

    columns: list[str]
    rows: list[list[Any]]
    is_cut: bool = Field(description="whether there are more rows")
    seconds: float


class RejectedRow(BaseModel):
    """A rejected row without personal data: field names, and values that are types, times or numbers."""

    batch_id: int
    source_file: str
    row_number: int | None
    rejected_at: Utc
    fields: dict[str, str | None]


class RejectedRule(BaseModel):
    """A rule, and the rejected rows pending replay that broke it."""

    rule: str
    rows: int
    files: int
    first_at: Utc
    last_at: Utc
    held_until: Utc | None = Field(description="of held rows, the time of the first; null of others")
    samples: list[RejectedRow]
    hint: str | None = Field(None, description="a field of the samples whose name is close to the expected one")
    mapping: dict[str, str] = Field({}, description="the hint as `mapping.columns`: that field and the column")


class EditedRow(BaseModel):
    """A rejected row pending replay, by its place, with other values of some fields; null takes a field away."""

    batch_id: int
    source_file: str = Field(max_length=1000)
    row_number: int
    fields: dict[str, str | None] = Field(max_length=200)


class Trial(BaseModel):
    """Rejected rows to be tried, by a prefix of their reason, with changes of `mapping` in the YAML or edited rows."""

    reason: str = Field("", max_length=2000)
    mapping: dict[str, Any] = Field({}, description="keys of `mapping`, added to those of the YAML")
    rows: list[EditedRow] = Field([], max_length=100, description="edited rows; with some, only these are tried")


class CorrectedRow(BaseModel):
    """The micro-batch in which a corrected row was stored."""

    batch_id: int
    sentence: str


class StillBroken(BaseModel):
    """A rule that tried rows would still break: their number."""

    rule: str
    rows: int


class TrialResult(BaseModel):
    """What a replay would do; nothing is stored."""

    tried: int
    passed: int
    sentence: str
    broken: list[StillBroken]
    is_cut: bool = Field(description="whether there are more rows than were tried")
    yaml: str = Field(description="the tried mapping for the use case's YAML; empty without one")


class QuarantinedFile(BaseModel):
    """A file in quarantine and why it is there; no reason if the lake has no record of it."""

    name: str
    reason: str | None


class LakeContents(BaseModel):
    """Tables, micro-batches, snapshots and rejected rows of the lake."""

    tables: list[LakeTable]
    micro_batches: list[MicroBatch]
    snapshots: list[Snapshot]
    rejected: list[RejectedRule]
    quarantined: list[QuarantinedFile]
    replay_dag: str
