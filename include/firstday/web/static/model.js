// Model: the champion's card, decisions, champion against challenger, calibration, importance, versions and promotions.

import * as api from "./api.js";
import { barChart, xyChart } from "./charts.js";
import { cockpit } from "./cockpit.js";
import { comparison } from "./comparison.js";
import { capital, card, choose, count, counted, empty, exact, h, leave, percent, quiet, tile, time, wide } from "./dom.js";
import { ask, asked } from "./route.js";
import { table } from "./table.js";
import { named } from "./words.js";

export async function model(useCase) {
  const found = await api.get(useCase.name, "model");
  const champion = found.versions.find((one) => one.aliases.includes("champion"))?.version ?? found.promotions[0]?.version ?? found.versions[0]?.version;
  const version = Number(asked("version")) || champion;
  const error = found.registry_error ? h("p", { class: "state behind" }, found.registry_error) : null;
  if (!version) return [error, h("div", { class: "cards two" }, calibration(found, useCase), distribution(found, useCase)), h("div", { class: "cards" }, history(found, useCase, champion), promotions(found))].filter(Boolean);
  const [report, decisions, compared] = await Promise.all([
    found.registry_error ? null : api.get(useCase.name, `model/versions/${version}`).catch(() => null),
    api.get(useCase.name, `model/decisions?version=${version}`),
    api.get(useCase.name, "model/comparison"),
  ]);
  return [
    error,
    h("div", { class: "bar" }, choose("version", "Version", found.versions.map((one) => [one.version, `version ${one.version}${one.aliases.length ? `, ${one.aliases.join(", ")}` : ""}`]), version, (value) => { ask({ version: Number(value) === champion ? null : value }); window.dispatchEvent(new Event("refresh")); })),
    facts(found, report, version),
    cockpit(useCase, decisions),
    h("div", { class: "cards two" }, calibration(found, useCase), gapByCutoff(found, useCase, version), byCutoff(report, found), distribution(found, useCase), importance(useCase, version === champion)),
    comparison(useCase, compared),
    h("div", { class: "cards" }, gates(report), history(found, useCase, champion), promotions(found)),
  ].filter(Boolean);
}

const METRICS = ["roc_auc", "log_loss", "brier", "calibration_gap"];

/** The test of a version: the metrics with intervals that its run has logged, else the plain ones. */
function facts(found, report, version) {
  const one = found.versions.find((each) => each.version === version);
  const measured = (metric) => {
    const whole = report?.overall.find((row) => row.metric === metric);
    const plain = report?.metrics[`test_${metric}`];
    const value = whole?.value ?? plain;
    return tile(`${capital(named(metric))}, test`, exact(3)(value), whole ? `95 % interval ${exact(3)(whole.low)} to ${exact(3)(whole.high)}` : value === undefined ? "not logged" : "newest users, no interval logged");
  };
  return h(
    "div",
    { class: "tiles" },
    tile("Version", leave(one?.url, `version ${version}`), one?.aliases.join(", ") || "no alias"),
    tile("Threshold", report ? exact(3)(report.threshold) : "–", `${count(one?.predictions)} predictions, ${percent(one?.predicted_share)} above it`),
    ...METRICS.map(measured),
    tile("Last scored", time(one?.last_scored_at), one?.first_scored_at ? h("span", {}, "first ", time(one.first_scored_at)) : "not yet"),
    tile("Training run", one?.run_url ? leave(one.run_url, "in MLflow") : "–", one?.registered_at ? h("span", {}, "registered ", time(one.registered_at)) : ""),
  );
}

function byCutoff(report, found) {
  const title = "Test by hours since the window opened";
  const rows = report?.by_cutoff.filter((row) => row.metric === "roc_auc") ?? [];
  if (!rows.length) return card(title, empty("Not logged for this version. train_model logs it for each version that it tests."));
  const hours = (row) => row.cutoff_minutes / 60;
  const line = (name, key, isDashed) => ({ name, points: rows.map((row) => [hours(row), row[key]]), isDashed, isDots: !isDashed, colour: 0 });
  return h("section", { class: "card" }, xyChart("cutoffs", title, { series: [line("ROC AUC", "value"), line("lower end of the 95 % interval", "low", true), line("upper end", "high", true)], x: "hours since the window opened", y: "ROC AUC", min: 0.4, max: 1, format: exact(2), limits: [{ name: "limit", value: found.limits.roc_auc }] }));
}

/** Realised calibration in the latest monitoring run of a version, by cut-off, beside its limits. */
function gapByCutoff({ monitoring, limits }, { outcome }, version) {
  const title = "Calibration by hours since the window opened";
  const mine = monitoring.filter((row) => row.model_version === version && row.subject !== "" && row.metric.startsWith("realised_calibration_gap"));
  const newest = mine.filter((row) => row.measured_at === mine.at(-1).measured_at);
  if (!newest.length) return card(title, empty("Not measured yet. monitor_model measures it every hour, as soon as enough scored users have labels."));
  const line = (name, metric, isDashed) => ({ name, points: newest.filter((row) => row.metric === metric).map((row) => [Number(row.subject) / 60, row.value]).sort((one, other) => one[0] - other[0]), isDashed, isDots: true, colour: 0 });
  const series = [line("predicted minus observed", "realised_calibration_gap"), line("lower end of the 99 % interval", "realised_calibration_gap_low", true), line("upper end", "realised_calibration_gap_high", true)];
  const limit = limits.calibration_gap;
  const most = Math.ceil(12 * Math.max(limit, ...newest.map((row) => Math.abs(row.value)))) / 10; // whole tenths, as ticks
  return h("section", { class: "card" }, xyChart("gaps", title, { series, x: "hours since the window opened, up to", y: `predicted minus observed share of ${outcome}`, format: exact(2), xMin: 0, min: -most, max: most, limits: [{ name: "limit", value: limit }, { name: "", value: -limit }], note: h("span", {}, "Users whose label is known, in the monitoring run of ", time(newest[0].measured_at), ". An alert is raised where the whole interval is beyond a limit.") }));
}

const importances = new Map(); // use case -> its answer

function importance(useCase, isChampion) {
  const title = "Importance: mean effect on the champion's predictions, last 24 hours";
  if (!isChampion) return wide(title, empty("Computed for the champion only."));
  const place = h("div", { role: "status" });
  const fill = (found) => {
    const rows = found.groups.filter((one) => one.effect >= 0.0005).slice(0, 10);
    const name = (one) => one.features.join(", ");
    place.replaceChildren(barChart("importance", title, { series: [{ name: "mean effect, percentage points", values: rows.map((one) => one.effect * 100) }], categories: rows.map(name), isHorizontal: true, x: "", y: "percentage points", format: exact(1), note: `Mean absolute Shapley values of ${counted(found.predictions, "prediction")} of version ${found.model_version}. Features that say the same have one effect.` }));
  };
  const known = importances.get(useCase.name);
  if (known) fill(known);
  else {
    place.append(h("h2", {}, title), quiet("Computing …"));
    api.get(useCase.name, "model/importance").then((found) => {
      importances.set(useCase.name, found);
      fill(found);
    }, (error) => place.replaceChildren(h("h2", {}, title), empty(error.message)));
  }
  return h("section", { class: "card wide" }, place);
}

function distribution({ distribution: bins }, { outcome }) {
  const title = `Users by probability of ${outcome}, last 24 hours`;
  if (!bins.length) return card(title, empty("No users scored in the last 24 hours."));
  const summary = bins.filter((bin) => bin.users).map((bin) => `${bin.users} between ${percent(bin.low, 0)} and ${percent(bin.high, 0)}`).join(", ");
  const series = [{ name: `no predicted ${outcome}`, values: bins.map((bin) => bin.users - bin.predicted), stack: "users", colour: 0 }, { name: `predicted ${outcome}`, values: bins.map((bin) => bin.predicted), stack: "users", colour: 1 }];
  return h("section", { class: "card" }, barChart("distribution", title, { series, categories: bins.map((bin) => percent(bin.low, 0)), x: `probability of ${outcome}, from`, y: "users", format: count, summary }));
}

function calibration({ calibration: bins }, { outcome }) {
  const title = `Calibration: predicted against observed ${outcome}`;
  if (!bins.length) return card(title, empty("No labels for scored users yet. A label is known some hours after the user's window ends."));
  const versions = [...new Set(bins.map((bin) => bin.model_version))];
  const lines = versions.map((version) => ({ name: `version ${version}`, points: bins.filter((bin) => bin.model_version === version).map((bin) => [bin.predicted, bin.observed]), isDots: true }));
  const series = [...lines, { name: "perfect calibration", points: [[0, 0], [1, 1]], isDashed: true, colour: 5 }];
  const users = bins.reduce((sum, bin) => sum + bin.users, 0);
  return h("section", { class: "card" }, xyChart("calibration", title, { series, x: `predicted probability of ${outcome}`, y: `observed share of ${outcome}`, format: (value) => percent(value, 0), xFormat: (value) => percent(value, 0), min: 0, max: 1, xMin: 0, xMax: 1, note: `${counted(users, "user")}, each counted once per version with their latest prediction.` }));
}

function gates(report) {
  if (!report?.gates.length) return wide("Gates", empty("No gates are logged for this version. train_model logs each gate's answer."));
  const columns = [
    { id: "gate", title: "Gate", value: (row) => named(row.gate) },
    { id: "holds", title: "Result", value: (row) => (row.holds ? "passed" : "failed"), cell: (row) => h("span", { class: `pill ${row.holds ? "good" : "bad"}` }, row.holds ? "✓ passed" : "✗ failed") },
    { id: "reason", title: "Reason" },
  ];
  return wide(`Gates of version ${report.version}`, table("gates", "Gates", columns, report.gates));
}

function history(found, useCase, champion) {
  if (!found.versions.length) return wide("Versions", empty("No model yet. Train one, or bundle one with the use case."), training(useCase));
  const columns = [
    { id: "version", title: "Version", cell: (one) => leave(one.url, `version ${one.version}`) },
    { id: "aliases", title: "Alias", value: (one) => one.aliases.join(", ") },
    { id: "registered_at", title: "Registered", cell: (one) => time(one.registered_at) },
    { id: "first_scored_at", title: "First scored", cell: (one) => time(one.first_scored_at) },
    { id: "last_scored_at", title: "Last scored", cell: (one) => time(one.last_scored_at) },
    { id: "predictions", title: "Predictions", number: true, cell: predictions },
    { id: "predicted_share", title: `Predicted ${useCase.outcome}`, number: true, cell: (one) => percent(one.predicted_share) },
    { id: "run_url", title: "MLflow run", isFixed: true, cell: (one) => (one.run_url ? leave(one.run_url, "run") : "") },
    { id: "action", title: "Action", isFixed: true, value: () => "", cell: (one) => (one.version === champion ? "is the champion" : promotion(useCase, one.version, champion)) },
  ];
  return wide("Versions", table("versions", "Model versions, newest first", columns, found.versions, { sort: "-version" }), training(useCase));
}

function predictions(version) {
  return version.shadow_predictions ? `${count(version.predictions)}, ${count(version.shadow_predictions)} in shadow` : count(version.predictions);
}

/** Start train_model, which tests a new version and promotes it if it passes every gate. */
function training(useCase) {
  const dag = `${useCase.name}.train_model`;
  const button = h("button", { type: "button", id: "train" }, "Train, and promote if it passes every gate");
  const status = h("span", { role: "status" }, started.get(dag)?.());
  button.addEventListener("click", () => start(dag, {}, dag, button, status));
  return h("p", {}, button, " ", leave(`/dags/${dag}`, "with other events, in Airflow's form"), status);
}

const started = new Map(); // DAG, or use case and version -> what became of the run that was started here

/** Start a run of a DAG, and show its link or why there is none. */
async function start(dag, conf, key, button, status) {
  button.disabled = true;
  try {
    const run = await api.trigger(dag, conf);
    started.set(key, () => [" Started: ", leave(`/dags/${dag}/runs/${encodeURIComponent(run.dag_run_id)}`, "Airflow run")]);
  } catch (error) {
    started.set(key, () => [` ${error.message}`]);
  }
  button.disabled = false;
  status.replaceChildren(...started.get(key)());
}

/** A button, pressed twice, that makes a version the champion by a run of rollback_model. */
function promotion(useCase, version, champion) {
  const key = `${useCase.name}/${version}`;
  const title = version > champion ? "Promote without its gates" : "Roll back to it";
  const status = h("span", { role: "status" }, started.get(key)?.());
  const button = h("button", { type: "button", class: "small", id: `roll-back-${version}` }, title);
  button.addEventListener("click", () => {
    if (button.dataset.busy) {
      start(`${useCase.name}.rollback_model`, { version }, key, button, status);
      return;
    }
    button.dataset.busy = "asked";
    button.textContent = `Make version ${version} the champion?`;
    setTimeout(() => {
      delete button.dataset.busy;
      button.textContent = title;
    }, 6000);
  });
  return h("span", {}, button, status);
}

function promotions({ promotions: rows }) {
  if (!rows.length) return wide("Promotions", empty("No promotions yet. The first one is recorded by train_model, or when the bundled model is registered."));
  const columns = [
    { id: "promoted_at", title: "Promoted", cell: (row) => leave(row.url, time(row.promoted_at)) },
    { id: "version", title: "Champion", cell: (row) => leave(row.model_url, `version ${row.version}`) },
    { id: "previous_version", title: "Previous champion", cell: (row) => (row.previous_version === null ? "none" : `version ${row.previous_version}`) },
    { id: "reason", title: "Reason" },
  ];
  return wide("Promotions", table("promotions", "Promotions, newest first", columns, rows, { sort: "-promoted_at" }));
}
