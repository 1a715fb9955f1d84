// Drift and performance: alerts, features ranked by drift, estimated and realised performance, volume, measurements.

import * as api from "./api.js";
import { barChart, timeChart } from "./charts.js";
import { card, count, counted, empty, exact, h, leave, number, percent, quiet, time, wide } from "./dom.js";
import { address, ask, asked } from "./route.js";
import { table } from "./table.js";
import { named } from "./words.js";

export async function drift(useCase) {
  const [found, alerts] = await Promise.all([api.get(useCase.name, "model"), api.get(useCase.name, "alerts")]);
  const features = ranked(found.monitoring);
  const chosen = asked("feature") ?? features[0]?.subject ?? useCase.features[0];
  return [
    h("div", { class: "cards" }, raised(useCase, alerts)),
    h("div", { class: "cards two" }, features.length ? ranking(features, found) : notMeasured(), distribution(useCase, chosen), overTime(found, features), auc(found), gap(found, useCase), volume(found)),
    h("div", { class: "cards" }, measured(found)),
  ];
}

const at = (row) => new Date(row.measured_at).getTime();
const marks = ({ promotions: rows }) => rows.map((row) => ({ at: new Date(row.promoted_at).getTime(), name: `version ${row.version}` }));
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

function raised(useCase, alerts) {
  const runbook = h("a", { href: "docs/how-to/runbook.html#an-alert", target: "_blank", rel: "noopener" }, "the runbook");
  if (!alerts.length) return card("Alerts", empty("No alerts in the last two weeks. monitor_model runs every hour."));
  const columns = [
    { id: "text", title: "Alert", value: (one) => sentence(one.text) },
    { id: "is_current", title: "State", value: stateOf, cell: (one) => [h("span", { class: `pill ${one.state ? "over" : one.is_current ? "bad" : "good"}` }, stateOf(one)), one.state ? h("div", { class: "quiet" }, one.muted_until ? ["until ", time(one.muted_until)] : "until it is over", ` by ${one.changed_by}`) : null] },
    { id: "first_at", title: "First raised", cell: (one) => time(one.first_at) },
    { id: "last_at", title: "Last raised", cell: (one) => time(one.last_at) },
    { id: "runs", title: "Monitoring runs", number: true },
    { id: "action", title: "Action", isFixed: true, value: () => "", cell: (one) => actions(useCase, one) },
  ];
  return card("Alerts", table("alerts", "Alerts, latest first", columns, alerts, { sort: "-last_at" }), quiet("What to do is in ", runbook, ". The limits are those of monitoring in the use case's YAML. An acknowledged or muted alert is not notified, and is no reason of the state; if it is over and begins again, it is."));
}

const stateOf = (one) => one.state ?? (one.is_current ? "current" : "over");
const HOURS = [[8, "8 hours"], [168, "7 days"]];

/** Acknowledge, mute, or neither any more; an error is shown beside the buttons. */
function actions(useCase, one) {
  const status = h("span", { role: "status" });
  const button = (title, change) => h("button", { type: "button", class: "small", id: `${title} ${one.alert}`, "aria-label": `${title}: ${one.text}`, onclick: async (event) => {
    event.target.disabled = true;
    try {
      await api.post(useCase.name, "alerts", { alert: one.alert, ...change });
      window.dispatchEvent(new Event("refresh"));
    } catch (error) {
      status.replaceChildren(` ${error.message}`);
      event.target.disabled = false;
    }
  } }, title);
  if (one.state) return h("div", { class: "actions" }, button("Notify again", { state: null }), status);
  return h("div", { class: "actions" }, button("Acknowledge", { state: "acknowledged" }), HOURS.map(([hours, words]) => button(`Mute ${words}`, { state: "muted", hours })), status);
}

/** The features of the latest measurement of drift, the largest first. */
function ranked(monitoring) {
  const rows = monitoring.filter((row) => row.metric === "psi");
  const newest = rows.filter((row) => row.measured_at === rows.at(-1).measured_at);
  const other = (metric, subject) => monitoring.findLast((row) => row.metric === metric && row.subject === subject && row.measured_at === rows.at(-1).measured_at)?.value;
  return newest.map((row) => ({ ...row, distance: other("jensen_shannon", row.subject), isDrifted: other("drifted", row.subject) > 0 })).sort((one, two) => two.value - one.value);
}

const notMeasured = () => card("Features by drift", empty("Not measured yet. Drift needs a champion trained in this installation and a few hundred predictions: trigger train_model; monitor_model runs every hour."));

function ranking(features, found) {
  const show = (feature) => (event) => {
    event.preventDefault();
    ask({ feature });
    window.dispatchEvent(new Event("refresh"));
  };
  const columns = [
    { id: "subject", title: "Feature", cell: (row) => h("a", { class: "mono", href: address("drift", { feature: row.subject }), onclick: show(row.subject) }, row.subject) },
    { id: "value", title: `PSI (limit ${number(found.limits.psi)})`, number: true, cell: (row) => exact(3)(row.value) },
    { id: "distance", title: `Jensen-Shannon (limit ${number(found.limits.jensen_shannon)})`, number: true, cell: (row) => exact(3)(row.distance) },
    { id: "isDrifted", title: "State", value: (row) => (row.isDrifted ? "drifted" : "stable"), cell: (row) => h("span", { class: `pill ${row.isDrifted ? "bad" : "good"}` }, row.isDrifted ? "drifted" : "stable") },
  ];
  return card("Features by drift", quiet("Population stability index since training, at the same cut-offs, in the latest monitoring run: ", time(features[0].measured_at), "."), table("drift", "Features by drift", columns, features, { sort: "-value" }));
}

const known = new Map(); // use case and feature -> its shares, until they are computed again

/** The distribution is computed beside the rest: the first one loads the model and its reference, which takes seconds. */
function distribution(useCase, feature) {
  const options = [...useCase.features, "probability"].map((name) => h("option", { value: name, selected: name === feature }, name));
  const chooser = h("label", { class: "bar" }, h("span", {}, "Feature"), h("select", { id: "feature", onchange: (event) => { ask({ feature: event.target.value }); window.dispatchEvent(new Event("refresh")); } }, options));
  const key = `${useCase.name}/${feature}`;
  const title = h("h2", {}, `Distribution of ${feature}`);
  const place = h("div", { role: "status" }, known.has(key) ? histogram(feature, known.get(key)) : [title, quiet("Computing …")]);
  api.get(useCase.name, `drift/${encodeURIComponent(feature)}`).catch((error) => ({ error: error.message })).then((shares) => {
    known.set(key, shares);
    if (place.isConnected) place.replaceChildren(...[histogram(feature, shares)].flat());
  });
  return h("section", { class: "card" }, place, chooser);
}

function histogram(feature, shares) {
  const title = `Distribution of ${feature}`;
  if (shares.error || !shares.predictions) return [h("h2", {}, title), empty(shares.error ?? "No predictions of the champion in the last 24 hours, or its run has no reference.")];
  const { edges, bins } = shares;
  const names = bins.length ? bins : [...edges.map((edge, index) => (index ? `${number(edges[index - 1])} to ${number(edge)}` : `below ${number(edge)}`)), `${number(edges.at(-1))} and above`, "unknown"];
  const series = [{ name: "training set", values: shares.reference }, { name: "last 24 hours", values: shares.current }];
  return barChart("distribution-of-feature", title, { series, categories: names, x: feature, y: "share of users", format: (value) => percent(value, 0), note: `${counted(shares.predictions, "prediction")} of the last 24 hours, beside the training set at the nearest cut-off.` });
}

function lines(rows, name) {
  const found = new Map();
  for (const row of rows) {
    const key = name(row);
    if (!found.has(key)) found.set(key, []);
    found.get(key).push([at(row), row.value]);
  }
  return [...found].map(([key, points]) => ({ name: key, points, isDashed: /estimated|end of/.test(key) }));
}

function overTime(found, features) {
  const title = "Drift over time";
  if (!features.length) return card(title, empty("Not measured yet."));
  const top = new Set(features.slice(0, 6).map((row) => row.subject));
  const rows = found.monitoring.filter((row) => row.metric === "psi" && top.has(row.subject));
  return h("section", { class: "card" }, timeChart("drift", title, { series: lines(rows, (row) => row.subject), y: "population stability index", format: exact(3), limits: [{ name: "limit", value: found.limits.psi }], marks: marks(found), note: "The six features with the largest value in the latest monitoring run." }));
}

function auc(found) {
  const title = "Estimated and realised ROC AUC";
  const rows = found.monitoring.filter((row) => /^(estimated|realised)_(roc_)?auc(_low|_high)?$/.test(row.metric));
  if (!rows.length) return card(title, empty("Not measured yet. monitor_model measures it every hour, as soon as enough scored users have labels."));
  const name = (row) => `${row.metric.split("_")[0]}${/_low$/.test(row.metric) ? ", lower end of 99 %" : /_high$/.test(row.metric) ? ", upper end of 99 %" : ""}, version ${row.model_version}`;
  return h("section", { class: "card" }, timeChart("auc", title, { series: lines(rows, name), y: "ROC AUC", format: exact(3), min: 0.4, max: 1, limits: [{ name: "limit", value: found.limits.roc_auc }], marks: marks(found) }));
}

function gap(found, { outcome }) {
  const title = `Predicted minus realised share of ${outcome}`;
  const rows = found.monitoring.filter((row) => /^realised_calibration_gap(_low|_high)?$/.test(row.metric) && row.subject === "");
  if (!rows.length) return card(title, empty("Not measured yet. monitor_model measures it every hour, as soon as enough scored users have labels."));
  const name = (row) => `version ${row.model_version}${/_low$/.test(row.metric) ? ", lower end of 99 %" : /_high$/.test(row.metric) ? ", upper end of 99 %" : ""}`;
  const limit = found.limits.calibration_gap;
  return h("section", { class: "card" }, timeChart("gap", title, { series: lines(rows, name), y: "predicted minus realised", format: exact(3), limits: [{ name: "limit", value: limit }, { name: "limit", value: -limit }], marks: marks(found) }));
}

function volume(found) {
  const title = "Events of the last whole hour, and what is usual for that hour";
  const rows = found.monitoring.filter((row) => row.metric === "events_last_hour" || row.metric === "events_norm");
  if (!rows.length) return card(title, empty("Not measured yet. monitor_model measures it once the lake is a day old."));
  return h("section", { class: "card" }, timeChart("volume", title, { series: lines(rows, (row) => (row.metric === "events_norm" ? "usual" : "last hour")), y: "events per hour", format: count, min: 0 }));
}

function measured({ monitoring }) {
  const newest = monitoring.at(-1)?.measured_at;
  if (!newest) return card("Latest monitoring run", empty("No monitoring run yet. monitor_model runs every hour."));
  const rows = monitoring.filter((row) => row.measured_at === newest);
  const columns = [
    { id: "metric", title: "Metric", value: (row) => named(row.metric), cell: (row) => h("span", { title: row.metric }, named(row.metric)) },
    { id: "subject", title: "Subject" },
    { id: "model_version", title: "Version", number: true },
    { id: "value", title: "Value", number: true, cell: (row) => number(row.value) },
  ];
  return card("Latest monitoring run", quiet("Measured at ", time(newest)), h("details", { id: "measurements" }, h("summary", {}, counted(rows.length, "measurement")), table("measured", "Measurements", columns, rows)));
}
