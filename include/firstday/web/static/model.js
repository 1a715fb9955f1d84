// Model: the champion's card, decisions, champion against challenger, calibration, importance, versions and promotions.

import * as api from "./api.js";
import { barChart, xyChart } from "./charts.js";
import { cockpit } from "./cockpit.js";
import { comparison } from "./comparison.js";
import { card, choose, count, counted, empty, exact, h, leave, percent, quiet, tile, time, wide } from "./dom.js";
import { ask, asked } from "./route.js";
import { table } from "./table.js";
import { named } from "./words.js";

export async function model(useCase) {
  const found = await api.get(useCase.name, "model");
  const champion = found.versions.find((one) => one.aliases.includes("champion"))?.version ?? found.promotions[0]?.version ?? found.versions[0]?.version;
  const version = Number(asked("version")) || champion;
  const error = found.registry_error ? h("p", { class: "state behind" }, found.registry_error) : null;
  if (!version) return [error, h("div", { class: "cards two" }, calibration(found, useCase), distribution(found, useCase)), h("div", { class: "cards" }, history(found, useCase), promotions(found))].filter(Boolean);
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
    h("div", { class: "cards two" }, calibration(found, useCase), distribution(found, useCase), byCutoff(report, found), importance(useCase, version === champion)),
    comparison(useCase, compared),
    h("div", { class: "cards" }, gates(report), history(found, useCase), promotions(found)),
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
    return tile(`${named(metric)}, test`, exact(3)(value), whole ? `95 % interval ${exact(3)(whole.low)} to ${exact(3)(whole.high)}` : value === undefined ? "not logged" : "newest users, no interval logged");
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

const importances = new Map(); // use case -> its answer

function importance(useCase, isChampion) {
  const title = "Importance: mean effect on the champion's predictions, last 24 hours";
  if (!isChampion) return card(title, empty("Computed for the champion only."));
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
  return h("section", { class: "card" }, place);
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

function history(found, useCase) {
  if (!found.versions.length) return wide("Versions", empty("No model yet. Trigger train_model, or bundle a model with the use case."));
  const columns = [
    { id: "version", title: "Version", cell: (one) => leave(one.url, `version ${one.version}`) },
    { id: "aliases", title: "Alias", value: (one) => one.aliases.join(", ") },
    { id: "registered_at", title: "Registered", cell: (one) => time(one.registered_at) },
    { id: "first_scored_at", title: "First scored", cell: (one) => time(one.first_scored_at) },
    { id: "last_scored_at", title: "Last scored", cell: (one) => time(one.last_scored_at) },
    { id: "predictions", title: "Predictions", number: true, cell: (one) => count(one.predictions) },
    { id: "predicted_share", title: `Predicted ${useCase.outcome}`, number: true, cell: (one) => percent(one.predicted_share) },
    { id: "run_url", title: "MLflow run", isFixed: true, cell: (one) => (one.run_url ? leave(one.run_url, "run") : "") },
    { id: "action", title: "Action", isFixed: true, value: () => "", cell: (one) => (one.aliases.includes("champion") ? "is the champion" : promotion(useCase, one.version)) },
  ];
  return wide("Versions", table("versions", "Model versions, newest first", columns, found.versions, { sort: "-version" }), h("p", {}, leave(`/dags/${useCase.name}.train_model`, "Train a new version in Airflow"), ", which promotes it if it passes every gate."));
}

const started = new Map(); // use case and version -> what became of its rollback

/** A button, pressed twice, that makes a version the champion by a run of rollback_model. */
function promotion(useCase, version) {
  const dag = `${useCase.name}.rollback_model`;
  const key = `${useCase.name}/${version}`;
  const status = h("span", { role: "status" }, started.get(key)?.());
  const button = h("button", { type: "button", class: "small", id: `roll-back-${version}` }, "Roll back to it");
  button.addEventListener("click", async () => {
    if (!button.dataset.busy) {
      button.dataset.busy = "asked";
      button.textContent = `Make version ${version} the champion?`;
      setTimeout(() => {
        delete button.dataset.busy;
        button.textContent = "Roll back to it";
      }, 6000);
      return;
    }
    button.disabled = true;
    try {
      const run = await api.trigger(dag, { version });
      started.set(key, () => [" Started: ", leave(`/dags/${dag}/runs/${encodeURIComponent(run.dag_run_id)}`, "Airflow run")]);
    } catch (error) {
      started.set(key, () => [` ${error.message}`]);
    }
    button.disabled = false;
    status.replaceChildren(...started.get(key)());
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
