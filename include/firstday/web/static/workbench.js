// SQL workbench: one SELECT on the lake, read-only, with a chart of its rows, CSV, and the command that does the same.

import * as api from "./api.js";
import { barChart, timeChart } from "./charts.js";
import { card, copyButton, count, empty, h, quiet, seconds } from "./dom.js";
import { address, ask, asked } from "./route.js";
import { table } from "./table.js";

const FIRST = "select event_type, count(*) as events\nfrom events\ngroup by event_type\norder by events desc";
let kept = null; // use case, query and its answer, while the page is open

export async function workbench(useCase) {
  const known = document.getElementById("sql");
  if (known?.dataset.useCase === useCase.name) return [...document.getElementById("main").children]; // nothing here is updated
  const result = h("div", { class: "cards" }, kept?.useCase === useCase.name ? shown(kept.sql, kept.answer) : []);
  const editor = h("textarea", { id: "sql", class: "mono", rows: 8, spellcheck: "false", "aria-label": "Query" });
  editor.value = asked("sql") ?? (kept?.useCase === useCase.name ? kept.sql : FIRST);
  editor.dataset.useCase = useCase.name;
  const status = h("span", { role: "status", class: "quiet" });
  const run = h("button", { type: "button", id: "run" }, "Run");
  const cancel = h("button", { type: "button", id: "cancel", disabled: true }, "Cancel");
  let control = null;
  const start = async () => {
    control = new AbortController();
    const sql = editor.value;
    ask({ sql });
    run.disabled = true;
    cancel.disabled = false;
    result.dataset.busy = "query";
    status.textContent = "Running …";
    try {
      const answer = await api.post(useCase.name, "query", { sql }, control.signal);
      kept = { useCase: useCase.name, sql, answer };
      status.textContent = `${count(answer.rows.length)}${answer.is_cut ? " first" : ""} rows in ${seconds(answer.seconds)}`;
      result.replaceChildren(...shown(sql, answer));
    } catch (error) {
      status.textContent = "";
      result.replaceChildren(h("pre", { class: "empty mono", role: "alert" }, error.name === "AbortError" ? "Cancelled." : error.message));
    }
    delete result.dataset.busy;
    run.disabled = false;
    cancel.disabled = true;
  };
  run.addEventListener("click", start);
  cancel.addEventListener("click", () => control?.abort());
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) start();
  });
  const command = () => `firstday --use-case ${useCase.name} query '${editor.value.replaceAll("'", "'\\''")}'`;
  return [
    h("p", {}, h("a", { href: address("lake") }, "← Lake")),
    card("SQL workbench", quiet("One SELECT, read-only, at most 2,000 rows and 20 seconds. A table as of a snapshot: from events at (version => 12). It needs the permission to trigger process_events, as it may read personal columns."), editor, h("div", { class: "bar" }, run, cancel, copyButton(command, "Copy as command"), status)),
    result,
  ];
}

function shown(sql, answer) {
  const rows = answer.rows.map((cells) => Object.fromEntries(cells.map((cell, index) => [`c${index}`, cell])));
  const isNumber = (index) => answer.rows.length > 0 && answer.rows.every((row) => row[index] === null || typeof row[index] === "number") && answer.rows.some((row) => row[index] !== null);
  const columns = answer.columns.map((name, index) => ({ id: `c${index}`, title: name, number: isNumber(index) }));
  const csv = () => [answer.columns, ...answer.rows].map((cells) => cells.map((cell) => (/[",\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell ?? ""))).join(",")).join("\n");
  const save = h("button", { type: "button", class: "small", id: "csv" }, "Save as CSV");
  save.addEventListener("click", () => {
    const link = h("a", { href: URL.createObjectURL(new Blob([csv()], { type: "text/csv" })), download: "query.csv" });
    link.click();
  });
  const found = answer.rows.length ? table("result", "Rows of the query", columns, rows) : empty("No rows.");
  return [card("Rows", answer.is_cut ? quiet("The first 2,000 rows.") : null, h("p", {}, save), found), chart(answer, columns)].filter(Boolean);
}

/** A chart of the first number by the first other column, where there are both. */
function chart(answer, columns) {
  const y = columns.findIndex((column, index) => column.number && index > 0);
  if (y < 0 || answer.rows.length < 2) return null;
  const title = `${answer.columns[y]} by ${answer.columns[0]}`;
  const isTime = answer.rows.every((row) => typeof row[0] === "string" && /^\d{4}-\d\d-\d\d/.test(row[0]));
  const name = answer.columns[y];
  if (isTime) return h("section", { class: "card" }, timeChart("query", title, { series: [{ name, points: answer.rows.map((row) => [new Date(`${row[0].replace(" ", "T")}${row[0].length > 10 ? "Z" : ""}`).getTime(), row[y]]).sort((one, other) => one[0] - other[0]) }], y: name }));
  return h("section", { class: "card" }, barChart("query", title, { series: [{ name, values: answer.rows.slice(0, 100).map((row) => row[y]) }], categories: answer.rows.slice(0, 100).map((row) => String(row[0])), x: answer.columns[0], y: name }));
}
