// Model tab: versions, promotions, score distribution, calibration, drift and performance.

import * as api from "./api.js";
import { chart } from "./charts.js";
import { card, count, counted, empty, h, leave, number, percent, table, time, wide } from "./dom.js";

export async function model(useCase) {
  const found = await api.get(useCase.name, "model");
  return [
    found.registry_error ? h("p", { class: "state behind" }, found.registry_error) : null,
    h("div", { class: "cards" }, history(found, useCase), promotions(found), distribution(found), calibration(found), drift(found), performance(found), challenger(found), quality(found)),
  ].filter(Boolean);
}

function history(found, useCase) {
  if (!found.versions.length) return wide("Versions", empty("No model yet. Trigger train_model, or bundle a model with the use case."));
  const columns = [
    { title: "Version", cell: (one) => leave(one.url, `version ${one.version}`) },
    { title: "Alias", cell: (one) => one.aliases.join(", ") },
    { title: "Registered", cell: (one) => time(one.registered_at) },
    { title: "First scored", cell: (one) => time(one.first_scored_at) },
    { title: "Last scored", cell: (one) => time(one.last_scored_at) },
    { title: "Predictions", number: true, cell: (one) => count(one.predictions) },
    { title: "Predicted churn", number: true, cell: (one) => percent(one.predicted_churn_share) },
    { title: "MLflow run", cell: (one) => (one.run_url ? leave(one.run_url, "run") : "") },
  ];
  return wide("Versions", table("Model versions, newest first", columns, found.versions), h("p", {}, leave(`/dags/${useCase.name}.train_model`, "Train a new version in Airflow")));
}

function promotions({ promotions: rows }) {
  if (!rows.length) return wide("Promotions", empty("No promotions yet. The first one is recorded by train_model, or when the bundled model is registered."));
  const columns = [
    { title: "Promoted", cell: (row) => leave(row.url, time(row.promoted_at)) },
    { title: "Champion", cell: (row) => leave(row.model_url, `version ${row.version}`) },
    { title: "Previous champion", cell: (row) => (row.previous_version === null ? "none" : `version ${row.previous_version}`) },
    { title: "Reason", cell: (row) => row.reason },
  ];
  return wide("Promotions", table("Promotions, newest first", columns, rows));
}

function distribution({ distribution: bins }) {
  const title = "Users by churn probability, last 24 hours";
  if (!bins.length) return card(title, empty("No users scored in the last 24 hours."));
  const summary = bins.filter((bin) => bin.users).map((bin) => `${bin.users} between ${percent(bin.low, 0)} and ${percent(bin.high, 0)}`).join(", ");
  const middles = bins.map((bin) => (bin.low + bin.high) / 2);
  return h("section", { class: "card" }, chart(title, middles, { users: bins.map((bin) => bin.users) }, { isNumeric: true, isBars: true, x: "probability", format: count, summary }));
}

function calibration({ calibration: bins }) {
  const title = "Calibration: predicted against observed churn";
  if (!bins.length) return card(title, empty("No labels for scored users yet. A label is known some hours after the user's window ends."));
  const versions = [...new Set(bins.map((bin) => bin.model_version))];
  const xs = [...new Set([0, 1, ...bins.map((bin) => bin.predicted)])].sort((one, other) => one - other);
  const values = { "perfect calibration": xs };
  for (const version of versions) values[`version ${version}`] = xs.map((x) => bins.find((bin) => bin.model_version === version && bin.predicted === x)?.observed ?? null);
  const users = bins.reduce((sum, bin) => sum + bin.users, 0);
  return h("section", { class: "card" }, chart(title, xs, values, { isNumeric: true, x: "predicted", format: (value) => percent(value, 0), range: () => [0, 1], points: true, dashed: ["perfect calibration"] }), h("p", { class: "quiet" }, `${counted(users, "user")}, each counted once per version with their latest prediction.`));
}

/** Values over time by name, aligned on the union of all timestamps. */
function lines(rows, name) {
  const moments = [...new Set(rows.map((row) => row.measured_at))].sort();
  const at = new Map(moments.map((moment, index) => [moment, index]));
  const values = {};
  for (const row of rows) (values[name(row)] ??= moments.map(() => null))[at.get(row.measured_at)] = row.value;
  return [moments.map((moment) => new Date(moment).getTime() / 1000), values];
}

function drift({ monitoring }) {
  const title = "Feature drift since training (population stability index)";
  const rows = monitoring.filter((row) => row.metric === "psi");
  if (!rows.length) return card(title, empty("Not measured yet. Drift needs a champion trained in this installation and a few hundred predictions: trigger train_model; monitor_model runs every hour."));
  const newest = rows.filter((row) => row.measured_at === rows.at(-1).measured_at).sort((one, other) => other.value - one.value);
  const top = new Set(newest.slice(0, 6).map((row) => row.subject));
  const [xs, values] = lines(rows.filter((row) => top.has(row.subject)), (row) => row.subject);
  const judged = monitoring.filter((row) => row.metric === "drifted" && row.measured_at === rows.at(-1).measured_at);
  const drifted = judged.filter((row) => row.value).map((row) => row.subject);
  return h("section", { class: "card" }, chart(title, xs, values, { format: (value) => value.toFixed(3), points: xs.length < 30 }), h("p", { class: "quiet" }, drifted.length ? `Drifted in the latest monitoring run: ${drifted.join(", ")}.` : "No drift in the latest monitoring run. The chart shows the six largest values."));
}

function performance({ monitoring }) {
  const title = "Estimated and realised AUC";
  const rows = monitoring.filter((row) => /^(estimated|realised)_(roc_)?auc$/.test(row.metric));
  if (!rows.length) return card(title, empty("Not measured yet. monitor_model measures it every hour, as soon as enough scored users have labels."));
  const [xs, values] = lines(rows, (row) => `${row.metric.split("_")[0]}, version ${row.model_version}`);
  return h("section", { class: "card" }, chart(title, xs, values, { format: (value) => value.toFixed(3), range: (_, low) => [Math.min(0.5, low), 1], points: xs.length < 30, dashed: Object.keys(values).filter((name) => name.startsWith("estimated")) }));
}

function challenger({ monitoring }) {
  const title = "Champion and challenger on the same users";
  const rows = monitoring.filter((row) => row.metric.startsWith("compared_"));
  if (!rows.length) return card(title, empty("Not measured. A challenger that failed a gate scores the same users as the champion; the two are compared once enough of these users have labels."));
  const newest = rows.filter((row) => row.measured_at === rows.at(-1).measured_at);
  const value = (metric, subject = "") => newest.find((row) => row.metric === metric && row.subject === subject);
  const sides = ["champion", "challenger"].map((side) => ({ side, version: value("compared_log_loss", side)?.model_version, loss: value("compared_log_loss", side)?.value, auc: value("compared_roc_auc", side)?.value }));
  const columns = [{ title: "Role", cell: (row) => row.side }, { title: "Version", number: true, cell: (row) => row.version ?? "" }, { title: "Realised log loss", number: true, cell: (row) => number(row.loss) }, { title: "Realised AUC", number: true, cell: (row) => number(row.auc) }];
  const [middle, low, high] = ["compared_advantage", "compared_advantage_low", "compared_advantage_high"].map((metric) => value(metric)?.value ?? null);
  return card(title, table("Champion and challenger", columns, sides), h("p", { class: "quiet" }, `${counted(value("compared_users")?.value ?? 0, "user")} with labels, measured at `, time(rows.at(-1).measured_at), `. Advantage of the challenger in log loss: ${number(middle)} (99 % interval ${number(low)} to ${number(high)}).`));
}

function quality({ monitoring }) {
  const newest = monitoring.at(-1)?.measured_at;
  if (!newest) return card("Latest monitoring run", empty("No monitoring run yet. monitor_model runs every hour."));
  const rows = monitoring.filter((row) => row.measured_at === newest);
  const columns = [{ title: "Metric", cell: (row) => h("span", { class: "mono" }, row.metric) }, { title: "Subject", cell: (row) => row.subject }, { title: "Version", number: true, cell: (row) => row.model_version ?? "" }, { title: "Value", number: true, cell: (row) => number(row.value) }];
  return card("Latest monitoring run", h("p", { class: "quiet" }, "Measured at ", time(newest)), table("Measurements", columns, rows));
}
