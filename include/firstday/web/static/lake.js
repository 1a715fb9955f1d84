// Lake room: rejected rows, tables, micro-batches and snapshots.

import * as api from "./api.js";
import { bytes, card, count, counted, empty, h, leave, seconds, time, wide } from "./dom.js";
import { lineage } from "./lineage.js";
import { rejected } from "./rejected.js";
import { address } from "./route.js";
import { table } from "./table.js";
import { tablePage } from "./tables.js";
import { workbench } from "./workbench.js";

export async function lake(useCase, parts) {
  if (parts[0] === "tables" && parts[1]) return tablePage(useCase, parts[1]);
  if (parts[0] === "query") return workbench(useCase);
  if (parts[0] === "lineage") return lineage(useCase);
  const found = await api.get(useCase.name, "lake");
  return [h("p", { class: "bar" }, h("a", { href: address(["lake", "query"]) }, "SQL workbench"), h("a", { href: address(["lake", "lineage"]) }, "Lineage")), h("div", { class: "cards" }, rejected(useCase, found), tables(found), microBatches(found), commits(found))];
}

function tables({ tables: rows }) {
  const columns = [
    { id: "table_name", title: "Table", cell: (row) => h("a", { class: "mono", href: address(["lake", "tables", row.table_name]) }, row.table_name) },
    { id: "rows", title: "Rows", number: true, cell: (row) => count(row.rows) },
    { id: "files", title: "Parquet files", number: true, cell: (row) => count(row.files) },
    { id: "bytes", title: "Size", number: true, cell: (row) => bytes(row.bytes) },
    { id: "delete_files", title: "Delete files", number: true, cell: (row) => count(row.delete_files) },
  ];
  const total = rows.reduce((sum, row) => sum + row.bytes, 0);
  const files = rows.reduce((sum, row) => sum + row.files + row.delete_files, 0);
  return card("Tables", h("p", { class: "quiet" }, `${bytes(total)} in ${counted(files, "file")}. maintain_lake merges small files every hour.`), table("tables", "Tables", columns, rows));
}

function microBatches({ micro_batches: rows }) {
  if (!rows.length) return card("Micro-batches", empty("No micro-batches yet. The first one is stored when a file arrives in landing."));
  const duration = (row) => (new Date(row.committed_at) - new Date(row.started_at)) / 1000;
  const columns = [
    { id: "batch_id", title: "Micro-batch", cell: (row) => leave(row.url, `${row.batch_id}`) },
    { id: "committed_at", title: "Committed", cell: (row) => time(row.committed_at) },
    { id: "duration", title: "Duration", number: true, value: duration, cell: (row) => seconds(duration(row)) },
    { id: "rows_stored", title: "Rows stored", number: true, cell: (row) => count(row.rows_stored) },
    { id: "rows_rejected", title: "Rows rejected", number: true, cell: (row) => count(row.rows_rejected) },
    { id: "files", title: "Files", number: true, cell: (row) => count(row.files) },
    { id: "bytes", title: "Size", number: true, cell: (row) => bytes(row.bytes) },
  ];
  return card("Micro-batches", h("p", { class: "quiet" }, "Each number links to the Airflow run that stored the micro-batch."), table("batches", "Micro-batches, newest first", columns, rows, { sort: "-batch_id" }));
}

function commits({ snapshots: rows }) {
  if (!rows.length) return wide("Snapshots", empty("No snapshots yet."));
  const columns = [
    { id: "snapshot_id", title: "Snapshot", number: true, cell: (row) => h("a", { href: address("overview", { at: row.snapshot_id }), title: "The Overview as of this snapshot" }, row.snapshot_id) },
    { id: "committed_at", title: "Committed", cell: (row) => time(row.committed_at) },
    { id: "message", title: "Commit message" },
    { id: "airflow_run", title: "Airflow run", cell: (row) => h("span", { class: "mono wrap" }, leave(row.url, row.airflow_run)) },
  ];
  return wide("Snapshots", table("snapshots", "Snapshots, newest first", columns, rows, { sort: "-snapshot_id" }));
}
