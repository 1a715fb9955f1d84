// Rejected rows by rule: samples to edit, try and store, hints, dry runs of a mapping, replay and dismissal.

import * as api from "./api.js";
import { capital, copyButton, count, counted, empty, h, leave, quiet, time, wide } from "./dom.js";
import { ask, asked } from "./route.js";
import { table } from "./table.js";

export function rejected(useCase, found) {
  const { rejected: rules, quarantined: files, replay_dag: dag } = found;
  const quarantine = files.length ? h("p", {}, `${counted(files.length, "unreadable file")} in quarantine: `, h("ul", {}, files.slice(0, 10).map((file) => h("li", {}, h("span", { class: "mono wrap" }, file.name), ` ${file.reason ?? ""}`))), files.length > 10 ? "…" : "") : null;
  const done = [endedReplays(dag, rules), corrected.filter((one) => one.useCase === useCase.name).map(({ sentence }) => h("p", { role: "status" }, `${sentence}.`))];
  if (!rules.length) return wide("Rejected rows", empty("No rejected rows. A row that breaks a rule is listed here with its file, row number and rule."), done, quarantine);
  const columns = [
    { id: "rule", title: "Rule", cell: (rule) => [h("span", { class: "wrap" }, rule.rule), rule.hint ? h("div", {}, h("span", { class: "quiet" }, `Hint: ${rule.hint} `), trial(useCase, `hint ${rule.rule}`, "Try this mapping", () => ({ reason: rule.rule, mapping: { columns: rule.mapping } }))) : null] },
    { id: "rows", title: "Rows", number: true, cell: (rule) => count(rule.rows) },
    { id: "files", title: "Files", number: true, cell: (rule) => count(rule.files) },
    { id: "last_at", title: "Last rejected", cell: (rule) => time(rule.last_at) },
    ...(rules.some((rule) => rule.held_until) ? [{ id: "held_until", title: "Held until", cell: (rule) => (rule.held_until ? time(rule.held_until) : "–") }] : []),
    { id: "samples", title: "Samples", isFixed: true, value: (rule) => rule.samples.length, cell: (rule) => samples(useCase, rule) },
    { id: "action", title: "Action", isFixed: true, value: () => "", cell: (rule) => ["replay", "dismiss"].map((name) => action(useCase, dag, name, rule.rule, rule.rows)) },
  ];
  return wide(
    "Rejected rows pending replay",
    quiet("Correct the contract or the check, then replay the rows: first a dry run shows how many would pass. Held rows are stored by the first micro-batch after their time. Values that may be personal are hidden."),
    table("rejected", "Rejected rows by rule", columns, rules, { sort: "-rows", noun: "rule" }),
    action(useCase, dag, "replay", "", rules.reduce((sum, rule) => sum + rule.rows, 0)),
    mappingTrial(useCase, rules),
    done,
    quarantine,
  );
}

/** Samples of a rule, each with its shown fields to edit, try and store; values that may be personal stay as they are. */
function samples(useCase, rule) {
  const line = (row) => {
    const id = `${row.source_file} ${row.row_number}`;
    const edit = (event) => {
      edits.set(`${id} ${event.target.name}`, event.target.value);
      forget(`${useCase.name} row ${id}`, item); // the result is that of other values
    };
    const fields = Object.entries(row.fields).map(([name, value]) => (value === null ? h("span", {}, `${name}: …`) : h("label", { class: "cell" }, name, h("input", { id: `${id} ${name}`, name, value: edits.get(`${id} ${name}`) ?? value, autocomplete: "off", oninput: edit }))));
    const changed = () => Object.fromEntries([...item.querySelectorAll("input")].filter((field) => field.value !== row.fields[field.name]).map((field) => [field.name, field.value]));
    const item = h("li", {}, h("span", { class: "mono wrap" }, `${row.source_file}, row ${row.row_number ?? "–"}`), h("br"), fields.length ? h("div", { class: "fields" }, fields) : "unreadable row");
    const place = { batch_id: row.batch_id, source_file: row.source_file, row_number: row.row_number };
    if (fields.length && row.row_number !== null) item.append(trial(useCase, `row ${id}`, "Try this row", () => ({ reason: rule.rule, rows: [{ ...place, fields: changed() }] })));
    return item;
  };
  return h("details", { id: `samples-${rule.rule}` }, h("summary", {}, `${rule.samples.length} of ${count(rule.rows)}`), h("ul", {}, rule.samples.map(line)));
}

const edits = new Map(); // field of a row -> what was typed, kept while the page is updated
const trials = new Map(); // use case and key -> the result of a dry run
const corrected = []; // use cases of the rows stored from here, and a sentence about each

function forget(key, item) {
  trials.delete(key);
  item.querySelector("[role=status]").replaceChildren();
}

/** A button that tries rows without storing any, and its result; an edited row that passes can be stored. */
function trial(useCase, name, title, body) {
  const key = `${useCase.name} ${name}`;
  const place = h("div", { role: "status" });
  const show = () => trials.has(key) && place.replaceChildren(...[outcome(trials.get(key)), store(useCase, key, trials.get(key))].flat().filter(Boolean));
  const run = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      const asked = body();
      trials.set(key, { ...(await tried(useCase, asked)), row: asked.rows?.[0] });
    } catch (error) {
      trials.set(key, { error: error.message });
    }
    button.disabled = false;
    if (place.isConnected) show();
    else window.dispatchEvent(new Event("refresh")); // the page was updated meanwhile
  };
  show();
  return h("div", { class: "trial" }, h("button", { type: "button", class: "small", id: `try ${name}`, onclick: run }, title), place);
}

/** The button that stores a tried row; the row is no longer pending then, and the next run processes its event. */
function store(useCase, key, found) {
  if (!found.row || found.error || !found.passed) return null;
  const error = h("span", { role: "alert" });
  const run = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      corrected.push({ useCase: useCase.name, ...(await api.post(useCase.name, "rejected/correct", found.row)) });
      trials.delete(key);
      window.dispatchEvent(new Event("refresh"));
    } catch (failure) {
      error.textContent = ` ${failure.message}`;
      button.disabled = false;
    }
  };
  return h("div", {}, h("button", { type: "button", class: "small", id: `store ${key}`, onclick: run }, "Store this row"), error);
}

function outcome(found) {
  if (found.error) return [h("span", {}, found.error)];
  const still = found.broken.map((one) => h("li", {}, `${one.rule}: ${counted(one.rows, "row")}`));
  const cut = found.is_cut ? " There are more rows, which were not tried." : "";
  return [h("strong", {}, `${found.sentence}.`), cut, still.length ? [" Still rejected:", h("ul", {}, still)] : "", found.yaml ? [h("pre", { class: "mono scroll", tabindex: "0" }, found.yaml), copyButton(found.yaml, "Copy for the YAML"), quiet("Add it to the use case's YAML, then replay the rows.")] : ""].flat();
}

const EXAMPLE = '{"columns": {"their_name": "user_id"}, "decimal_comma": true}';
let typed = EXAMPLE;

/** A dry run of any mapping, over the rows of a rule or all. */
function mappingTrial(useCase, rules) {
  const rule = h("select", { id: "trial-rule", onchange: (event) => ask({ rule: event.target.value }) }, [["", "all rejected rows"], ...rules.map((one) => [one.rule, one.rule])].map(([value, words]) => h("option", { value, selected: value === (asked("rule") ?? "") }, words)));
  const field = h("textarea", { id: "trial-mapping", class: "mono", rows: 3, spellcheck: "false", oninput: (event) => (typed = event.target.value) });
  field.value = typed;
  const body = () => {
    try {
      return { reason: rule.value, mapping: JSON.parse(field.value) };
    } catch (error) {
      throw new Error(`mapping: expected JSON such as ${EXAMPLE}: ${error.message}`);
    }
  };
  return h("details", { id: "trial" }, h("summary", {}, "Dry run of a mapping"), quiet("Keys of mapping in the YAML, as JSON: columns, event_types, files, time_zone, time_format, decimal_comma. They are added to those that it has. Nothing is stored."), h("label", {}, "Rows of the rule ", rule), h("label", {}, "Mapping ", field), trial(useCase, "mapping", "Try the mapping", body));
}

const plans = new Map(); // DAG, action and reason -> what it would do, until it is started
const replays = new Map(); // the same -> what became of the run

/** What became of the replays of rules that have no rejected rows any more, and so no button. */
function endedReplays(dag, rules) {
  const shown = new Set(["", ...rules.map((rule) => rule.rule)].flatMap((rule) => [`${dag} replay ${rule}`, `${dag} dismiss ${rule}`]));
  return [...replays].filter(([key]) => key.startsWith(`${dag} `) && !shown.has(key)).map(([key, words]) => h("p", { role: "status" }, capital(key.slice(dag.length + 1)), " ", words()));
}

/** A button that shows what a replay or a dismissal of the rows of a rule, or of all, would do; a second one does it. */
function action(useCase, dag, name, reason, rows) {
  const key = `${dag} ${name} ${reason}`;
  const title = `${capital(name)}${reason ? "" : " all"}`;
  const status = h("div", { role: "status" });
  const button = h("button", { type: "button", id: `${name} ${reason}`, "aria-label": reason ? `${title}: ${reason}` : title }, title);
  const fill = () => {
    const plan = plans.get(key);
    status.replaceChildren(...[replays.get(key)?.(), plan ? planned(name, rows, plan, start) : null].flat().filter(Boolean));
  };
  const show = () => {
    fill();
    if (!status.isConnected) window.dispatchEvent(new Event("refresh")); // the page was updated meanwhile
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    replays.delete(key);
    plans.set(key, { rows, ...(name === "replay" ? await tried(useCase, { reason }) : {}) });
    button.disabled = false;
    show();
  });
  async function start(event) {
    event.currentTarget.disabled = true;
    try {
      const run = await api.trigger(dag, { reason, action: name });
      replays.set(key, () => ["Started: ", leave(`/dags/${dag}/runs/${encodeURIComponent(run.dag_run_id)}`, "Airflow run")]);
    } catch (error) {
      replays.set(key, () => [error.message]);
    }
    plans.delete(key);
    show();
  }
  if (plans.has(key) && plans.get(key).rows !== rows) plans.delete(key); // it was the plan for other rows
  fill();
  return h("div", { class: "action" }, button, status);
}

/** What an action would do, and the button that does it, where there is something to do. */
function planned(name, rows, plan, start) {
  const go = (words) => h("button", { type: "button", class: "small", onclick: start }, words);
  if (name === "dismiss") return [`${counted(rows, "row")} would no longer be pending: kept in rejected_events, and never replayed. `, go(`Dismiss ${counted(rows, "row")}`)];
  if (plan.error) return [plan.error];
  if (!plan.tried) return ["No row has text that could be replayed: ingest a corrected file."];
  if (!plan.passed) return [...outcome(plan), quiet("Correct the contract, the check or the rows first.")];
  return [...outcome(plan), go(plan.is_cut ? "Replay them" : `Replay, and store ${counted(plan.passed, "row")}`)];
}

/** The result of a dry run, or its error. */
const tried = (useCase, body) => api.post(useCase.name, "rejected/try", body).catch((error) => ({ error: error.message }));
