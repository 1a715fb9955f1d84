// Model tab: versions, promotions, score distribution, calibration, drift and performance.

import * as api from "./api.js";
import { barChart, timeChart, xyChart } from "./charts.js";
import { card, count, counted, empty, exact, h, leave, number, percent, quiet, time, wide } from "./dom.js";
import { table } from "./table.js";
import { named } from "./words.js";

export async function model(useCase) {
  const found = await api.get(useCase.name, "model");
  return [
    found.registry_error ? h("p", { class: "state behind" }, found.registry_error) : null,
    h("div", { class: "cards two" }, history(found, useCase), promotions(found), distribution(found, useCase), calibration(found, useCase), drift(found), performance(found), challenger(found), quality(found)),
  ].filter(Boolean);
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
    { id: "predicted_churn_share", title: `Predicted ${useCase.outcome}`, number: true, cell: (one) => percent(one.predicted_churn_share) },
    { id: "run_url", title: "MLflow run", isFixed: true, cell: (one) => (one.run_url ? leave(one.run_url, "run") : "") },
  ];
  return wide("Versions", table("versions", "Model versions, newest first", columns, found.versions, { sort: "-version" }), h("p", {}, leave(`/dags/${useCase.name}.train_model`, "Train a new version in Airflow")));
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

function distribution({ distribution: bins }, { outcome }) {
  const title = `Users by probability of ${outcome}, last 24 hours`;
  if (!bins.length) return card(title, empty("No users scored in the last 24 hours."));
  const summary = bins.filter((bin) => bin.users).map((bin) => `${bin.users} between ${percent(bin.low, 0)} and ${percent(bin.high, 0)}`).join(", ");
  const series = [{ name: `predicted ${outcome}`, values: bins.map((bin) => bin.predicted_churn), stack: "users", colour: 1 }, { name: `no predicted ${outcome}`, values: bins.map((bin) => bin.users - bin.predicted_churn), stack: "users", colour: 0 }];
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

/** One line of points for each name. */
function lines(rows, name) {
  const found = new Map();
  for (const row of rows) {
    const key = name(row);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push([new Date(row.measured_at).getTime(), row.value]);
  }
  return [...found].map(([key, points]) => ({ name: key, points, isDashed: key.startsWith("estimated") }));
}

const marks = ({ promotions: rows }) => rows.map((row) => ({ at: new Date(row.promoted_at).getTime(), name: `version ${row.version}` }));

function drift(found) {
  const { monitoring, limits } = found;
  const title = "Feature drift since training (population stability index)";
  const rows = monitoring.filter((row) => row.metric === "psi");
  if (!rows.length) return card(title, empty("Not measured yet. Drift needs a champion trained in this installation and a few hundred predictions: trigger train_model; monitor_model runs every hour."));
  const newest = rows.filter((row) => row.measured_at === rows.at(-1).measured_at).sort((one, other) => other.value - one.value);
  const top = new Set(newest.slice(0, 6).map((row) => row.subject));
  const judged = monitoring.filter((row) => row.metric === "drifted" && row.measured_at === rows.at(-1).measured_at);
  const drifted = judged.filter((row) => row.value).map((row) => row.subject);
  const note = drifted.length ? `Drifted in the latest monitoring run: ${drifted.join(", ")}.` : "No drift in the latest monitoring run. The chart shows the six largest values.";
  return h("section", { class: "card" }, timeChart("drift", title, { series: lines(rows.filter((row) => top.has(row.subject)), (row) => row.subject), y: "population stability index", format: exact(3), limits: [{ name: "limit", value: limits.psi }], marks: marks(found), note }));
}

function performance(found) {
  const title = "Estimated and realised AUC";
  const rows = found.monitoring.filter((row) => /^(estimated|realised)_(roc_)?auc$/.test(row.metric));
  if (!rows.length) return card(title, empty("Not measured yet. monitor_model measures it every hour, as soon as enough scored users have labels."));
  return h("section", { class: "card" }, timeChart("performance", title, { series: lines(rows, (row) => `${row.metric.split("_")[0]}, version ${row.model_version}`), y: "ROC AUC", format: exact(3), min: 0.4, max: 1, limits: [{ name: "limit", value: found.limits.roc_auc }], marks: marks(found) }));
}

function challenger({ monitoring }) {
  const title = "Champion and challenger on the same users";
  const rows = monitoring.filter((row) => row.metric.startsWith("compared_"));
  if (!rows.length) return card(title, empty("Not measured. A challenger that failed a gate scores the same users as the champion; the two are compared once enough of these users have labels."));
  const newest = rows.filter((row) => row.measured_at === rows.at(-1).measured_at);
  const value = (metric, subject = "") => newest.find((row) => row.metric === metric && row.subject === subject);
  const sides = ["champion", "challenger"].map((side) => ({ side, version: value("compared_log_loss", side)?.model_version, loss: value("compared_log_loss", side)?.value, auc: value("compared_roc_auc", side)?.value }));
  const columns = [{ id: "side", title: "Role" }, { id: "version", title: "Version", number: true }, { id: "loss", title: "Realised log loss", number: true, cell: (row) => exact(3)(row.loss) }, { id: "auc", title: "Realised AUC", number: true, cell: (row) => exact(3)(row.auc) }];
  const [middle, low, high] = ["compared_advantage", "compared_advantage_low", "compared_advantage_high"].map((metric) => value(metric)?.value ?? null);
  return card(title, table("sides", "Champion and challenger", columns, sides), quiet( `${counted(value("compared_users")?.value ?? 0, "user")} with labels, measured at `, time(rows.at(-1).measured_at), `. Advantage of the challenger in log loss: ${number(middle)} (99 % interval ${number(low)} to ${number(high)}).`));
}

function quality({ monitoring }) {
  const newest = monitoring.at(-1)?.measured_at;
  if (!newest) return card("Latest monitoring run", empty("No monitoring run yet. monitor_model runs every hour."));
  const rows = monitoring.filter((row) => row.measured_at === newest);
  const columns = [{ id: "metric", title: "Metric", value: (row) => named(row.metric), cell: (row) => h("span", { title: row.metric }, named(row.metric)) }, { id: "subject", title: "Subject" }, { id: "model_version", title: "Version", number: true }, { id: "value", title: "Value", number: true, cell: (row) => number(row.value) }];
  return card("Latest monitoring run", quiet("Measured at ", time(newest)), h("details", { id: "measurements" }, h("summary", {}, counted(rows.length, "measurement")), table("measured", "Measurements", columns, rows)));
}
