// Lake tab: rejected rows, tables, micro-batches and snapshots.

import * as api from "./api.js";
import { bytes, card, count, counted, empty, h, leave, seconds, table, time, wide } from "./dom.js";

export async function lake(useCase, rest, isAgain) {
  if (isAgain && document.querySelector("details[open], button:disabled")) return undefined; // no refresh while somebody reads samples or starts a replay
  const found = await api.get(useCase.name, "lake");
  return [h("div", { class: "cards" }, rejected(found), tables(found), microBatches(found), commits(found))];
}

function tables({ tables: rows }) {
  const columns = [
    { title: "Table", cell: (row) => h("span", { class: "mono" }, row.table_name) },
    { title: "Rows", number: true, cell: (row) => count(row.rows) },
    { title: "Parquet files", number: true, cell: (row) => count(row.files) },
    { title: "Size", number: true, cell: (row) => bytes(row.bytes) },
    { title: "Delete files", number: true, cell: (row) => count(row.delete_files) },
  ];
  const total = rows.reduce((sum, row) => sum + row.bytes, 0);
  const files = rows.reduce((sum, row) => sum + row.files + row.delete_files, 0);
  return card("Tables", h("p", { class: "quiet" }, `${bytes(total)} in ${counted(files, "file")}. maintain_lake merges small files every hour.`), table("Tables", columns, rows));
}

function microBatches({ micro_batches: rows }) {
  if (!rows.length) return card("Micro-batches", empty("No micro-batches yet. The first one is stored when a file arrives in landing."));
  const duration = (row) => (new Date(row.committed_at) - new Date(row.started_at)) / 1000;
  const columns = [
    { title: "Micro-batch", cell: (row) => leave(row.url, `${row.batch_id}`) },
    { title: "Committed", cell: (row) => time(row.committed_at) },
    { title: "Duration", number: true, cell: (row) => seconds(duration(row)) },
    { title: "Rows stored", number: true, cell: (row) => count(row.rows_stored) },
    { title: "Rows rejected", number: true, cell: (row) => count(row.rows_rejected) },
    { title: "Files", number: true, cell: (row) => count(row.files) },
    { title: "Size", number: true, cell: (row) => bytes(row.bytes) },
  ];
  return card("Micro-batches", h("p", { class: "quiet" }, "Each number links to the Airflow run that stored the micro-batch."), table("Micro-batches, newest first", columns, rows));
}

function commits({ snapshots: rows }) {
  if (!rows.length) return wide("Snapshots", empty("No snapshots yet."));
  const columns = [
    { title: "Snapshot", number: true, cell: (row) => row.snapshot_id },
    { title: "Committed", cell: (row) => time(row.committed_at) },
    { title: "Commit message", cell: (row) => row.message },
    { title: "Airflow run", cell: (row) => h("span", { class: "mono wrap" }, leave(row.url, row.airflow_run)) },
  ];
  return wide("Snapshots", table("Snapshots, newest first", columns, rows));
}

function rejected(found) {
  const { rejected: rules, quarantined: files, replay_dag: dag } = found;
  const quarantine = files.length ? h("p", {}, `${counted(files.length, "unreadable file")} in quarantine: `, h("ul", {}, files.slice(0, 10).map((file) => h("li", {}, h("span", { class: "mono wrap" }, file.name), ` ${file.reason ?? ""}`))), files.length > 10 ? "…" : "") : null;
  if (!rules.length) return wide("Rejected rows", empty("No rejected rows. A row that breaks a rule is listed here with its file, row number and rule."), quarantine);
  const columns = [
    { title: "Rule", cell: (rule) => [h("span", { class: "wrap" }, rule.rule)] },
    { title: "Rows", number: true, cell: (rule) => count(rule.rows) },
    { title: "Files", number: true, cell: (rule) => count(rule.files) },
    { title: "Last rejected", cell: (rule) => time(rule.last_at) },
    { title: "Samples", cell: samples },
    { title: "Action", cell: (rule) => replay(rule, dag) },
  ];
  return wide(
    "Rejected rows pending replay",
    h("p", { class: "quiet" }, "Correct the contract or the check, then replay the rows. Values that may be personal are hidden."),
    table("Rejected rows by rule", columns, rules),
    quarantine,
  );
}

function samples(rule) {
  const line = (row) => {
    const fields = Object.entries(row.fields).map(([name, value]) => `${name}: ${value ?? "…"}`).join(", ");
    return h("li", {}, h("span", { class: "mono wrap" }, `${row.source_file}, row ${row.row_number ?? "–"}`), h("br"), fields || "unreadable row");
  };
  return h("details", {}, h("summary", {}, `${rule.samples.length} of ${count(rule.rows)}`), h("ul", {}, rule.samples.map(line)));
}

function replay(rule, dag) {
  const status = h("span", { role: "status" });
  const start = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    status.replaceChildren(" Starting …");
    try {
      const run = await api.trigger(dag, { reason: rule.rule });
      status.replaceChildren(" Started: ", leave(`/dags/${dag}/runs/${encodeURIComponent(run.dag_run_id)}`, "Airflow run"));
      setTimeout(() => (button.disabled = false), 15000);
    } catch (error) {
      status.replaceChildren(` ${error.message}`);
      button.disabled = false;
    }
  };
  return h("div", {}, h("button", { type: "button", onclick: start, "aria-label": `Replay: ${rule.rule}` }, "Replay"), status);
}
