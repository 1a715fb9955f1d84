// Rejected rows by rule: samples to edit, try and store, hints, dry runs of a mapping, replay and dismissal.

import * as api from "./api.js";
import { capital, copyButton, count, counted, empty, h, leave, quiet, time, wide } from "./dom.js";
import { ask, asked } from "./route.js";
import { table } from "./table.js";

export function rejected(useCase, found) {
  const { rejected: rules, quarantined: files, replay_dag: dag } = found;
  const quarantine = files.length ? h("p", {}, `${counted(files.length, "unreadable file")} in quarantine: `, h("ul", {}, files.slice(0, 10).map((file) => h("li", {}, h("span", { class: "mono wrap" }, file.name), ` ${file.reason ?? ""}`))), files.length > 10 ? "…" : "") : null;
  const done = [endedReplays(rules), corrected.map((sentence) => h("p", { role: "status" }, `${sentence}.`))];
  if (!rules.length) return wide("Rejected rows", empty("No rejected rows. A row that breaks a rule is listed here with its file, row number and rule."), done, quarantine);
  const columns = [
    { id: "rule", title: "Rule", cell: (rule) => [h("span", { class: "wrap" }, rule.rule), rule.hint ? h("div", {}, h("span", { class: "quiet" }, `Hint: ${rule.hint} `), trial(useCase, `hint ${rule.rule}`, "Try this mapping", () => ({ reason: rule.rule, mapping: { columns: rule.mapping } }))) : null] },
    { id: "rows", title: "Rows", number: true, cell: (rule) => count(rule.rows) },
    { id: "files", title: "Files", number: true, cell: (rule) => count(rule.files) },
    { id: "last_at", title: "Last rejected", cell: (rule) => time(rule.last_at) },
    ...(rules.some((rule) => rule.held_until) ? [{ id: "held_until", title: "Held until", cell: (rule) => (rule.held_until ? time(rule.held_until) : "–") }] : []),
    { id: "samples", title: "Samples", isFixed: true, value: (rule) => rule.samples.length, cell: (rule) => samples(useCase, rule) },
    { id: "action", title: "Action", isFixed: true, value: () => "", cell: (rule) => [replay(rule.rule, dag, "Replay"), " ", replay(rule.rule, dag, "Dismiss", "dismiss")] },
  ];
  return wide(
    "Rejected rows pending replay",
    quiet("Correct the contract or the check, then replay the rows. Held rows are stored by the first micro-batch after their time. Values that may be personal are hidden."),
    table("rejected", "Rejected rows by rule", columns, rules, { sort: "-rows" }),
    h("p", {}, replay("", dag, "Replay all")),
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
      forget(`row ${id}`, item); // the result is that of other values
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
const trials = new Map(); // key -> the result of a dry run
const corrected = []; // sentences about the rows stored from here

function forget(key, item) {
  trials.delete(key);
  item.querySelector("[role=status]").replaceChildren();
}

/** A button that tries rows without storing any, and its result; an edited row that passes can be stored. */
function trial(useCase, key, title, body) {
  const place = h("div", { role: "status" });
  const show = () => trials.has(key) && place.replaceChildren(...[outcome(trials.get(key)), store(useCase, key, trials.get(key))].flat().filter(Boolean));
  const run = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      const asked = body();
      trials.set(key, { ...(await api.post(useCase.name, "rejected/try", asked)), row: asked.rows?.[0] });
    } catch (error) {
      trials.set(key, { error: error.message });
    }
    button.disabled = false;
    if (place.isConnected) show();
    else window.dispatchEvent(new Event("refresh")); // the page was updated meanwhile
  };
  show();
  return h("div", { class: "trial" }, h("button", { type: "button", class: "small", id: `try ${key}`, onclick: run }, title), place);
}

/** The button that stores a tried row; the row is no longer pending then, and the next run processes its event. */
function store(useCase, key, found) {
  if (!found.row || found.error || !found.passed) return null;
  const error = h("span", { role: "alert" });
  const run = async (event) => {
    const button = event.currentTarget;
    button.disabled = true;
    try {
      corrected.push((await api.post(useCase.name, "rejected/correct", found.row)).sentence);
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
