// Lake tab: rejected rows, tables, micro-batches and snapshots.

import * as api from "./api.js";
import { bytes, capital, card, count, counted, empty, h, leave, quiet, seconds, time, wide } from "./dom.js";
import { address } from "./route.js";
import { table } from "./table.js";
import { tablePage } from "./tables.js";
import { workbench } from "./workbench.js";

export async function lake(useCase, parts) {
  if (parts[0] === "tables" && parts[1]) return tablePage(useCase, parts[1]);
  if (parts[0] === "query") return workbench(useCase);
  const found = await api.get(useCase.name, "lake");
  return [h("p", {}, h("a", { href: address(["lake", "query"]) }, "SQL workbench")), h("div", { class: "cards" }, rejected(found), tables(found), microBatches(found), commits(found))];
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
    { id: "snapshot_id", title: "Snapshot", number: true },
    { id: "committed_at", title: "Committed", cell: (row) => time(row.committed_at) },
    { id: "message", title: "Commit message" },
    { id: "airflow_run", title: "Airflow run", cell: (row) => h("span", { class: "mono wrap" }, leave(row.url, row.airflow_run)) },
  ];
  return wide("Snapshots", table("snapshots", "Snapshots, newest first", columns, rows, { sort: "-snapshot_id" }));
}

function rejected(found) {
  const { rejected: rules, quarantined: files, replay_dag: dag } = found;
  const quarantine = files.length ? h("p", {}, `${counted(files.length, "unreadable file")} in quarantine: `, h("ul", {}, files.slice(0, 10).map((file) => h("li", {}, h("span", { class: "mono wrap" }, file.name), ` ${file.reason ?? ""}`))), files.length > 10 ? "…" : "") : null;
  const done = endedReplays(rules);
  if (!rules.length) return wide("Rejected rows", empty("No rejected rows. A row that breaks a rule is listed here with its file, row number and rule."), done, quarantine);
  const columns = [
    { id: "rule", title: "Rule", cell: (rule) => [h("span", { class: "wrap" }, rule.rule), rule.hint ? h("div", { class: "quiet" }, `Hint: ${rule.hint}`) : null] },
    { id: "rows", title: "Rows", number: true, cell: (rule) => count(rule.rows) },
    { id: "files", title: "Files", number: true, cell: (rule) => count(rule.files) },
    { id: "last_at", title: "Last rejected", cell: (rule) => time(rule.last_at) },
    { id: "samples", title: "Samples", isFixed: true, value: (rule) => rule.samples.length, cell: samples },
    { id: "action", title: "Action", isFixed: true, value: () => "", cell: (rule) => [replay(rule.rule, dag, "Replay"), " ", replay(rule.rule, dag, "Dismiss", "dismiss")] },
  ];
  return wide(
    "Rejected rows pending replay",
    quiet("Correct the contract or the check, then replay the rows. Values that may be personal are hidden."),
    table("rejected", "Rejected rows by rule", columns, rules, { sort: "-rows" }),
    h("p", {}, replay("", dag, "Replay all")),
    done,
    quarantine,
  );
}

function samples(rule) {
  const line = (row) => {
    const fields = Object.entries(row.fields).map(([name, value]) => `${name}: ${value ?? "…"}`).join(", ");
    return h("li", {}, h("span", { class: "mono wrap" }, `${row.source_file}, row ${row.row_number ?? "–"}`), h("br"), fields || "unreadable row");
  };
  return h("details", { id: `samples-${rule.rule}` }, h("summary", {}, `${rule.samples.length} of ${count(rule.rows)}`), h("ul", {}, rule.samples.map(line)));
}

const replays = new Map(); // reason -> what became of its replay

/** What became of the replays of rules that have no rejected rows any more, and so no button. */
function endedReplays(rules) {
  const shown = new Set(["", ...rules.map((rule) => rule.rule)].flatMap((rule) => [`replay ${rule}`, `dismiss ${rule}`]));
  return [...replays].filter(([key]) => !shown.has(key)).map(([key, words]) => h("p", { role: "status" }, capital(key), words()));
}

/** A button that triggers a replay of the rows whose reason has a prefix, and what became of it. */
function replay(reason, dag, title, action = "replay") {
  const key = `${action} ${reason}`;
  const status = h("span", { role: "status" }, replays.get(key)?.());
  const start = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    status.replaceChildren(" Starting …");
    try {
      const run = await api.trigger(dag, { reason, action });
      replays.set(key, () => [" Started: ", leave(`/dags/${dag}/runs/${encodeURIComponent(run.dag_run_id)}`, "Airflow run")]);
      setTimeout(() => (button.disabled = false), 15000);
    } catch (error) {
      replays.set(key, () => [` ${error.message}`]);
      button.disabled = false;
    }
    status.replaceChildren(...replays.get(key)());
  };
  return h("span", {}, h("button", { type: "button", id: key, onclick: start, "aria-label": reason ? `${title}: ${reason}` : title }, title), status);
}
