// One user: a timeline of the window, with events, probability and reasons, and erasure.

import * as api from "./api.js";
import { timeChart } from "./charts.js";
import { card, count, counted, empty, h, leave, number, percent, present, quiet, tile, time, words } from "./dom.js";
import { address } from "./route.js";
import { table } from "./table.js";
import { badge } from "./users.js";
import { featureValue, points, reason, typical } from "./words.js";

const known = new Map(); // path of a user's drivers -> the newest prediction and the drivers then

export async function user(useCase, id) {
  const path = `users/${encodeURIComponent(id)}`;
  const [found, timeline] = await Promise.all([api.get(useCase.name, path), api.get(useCase.name, `${path}/timeline`)]);
  return [
    h("p", {}, h("a", { href: address("users") }, "← All users")),
    h("h2", { class: "mono wrap" }, found.user_id),
    facts(found, useCase),
    h("div", { class: "cards two" }, probability(timeline, found, useCase), activity(useCase, timeline, found), drivers(useCase, path, found), features(found)),
    h("div", { class: "cards" }, predictions(timeline, useCase), events(timeline)),
    erasure(useCase, found),
  ];
}

function facts(found, useCase) {
  const { prediction } = found;
  return h(
    "div",
    { class: "tiles" },
    tile(`Probability of ${useCase.outcome}`, prediction ? percent(prediction.probability) : "–", prediction ? badge(prediction.predicted, useCase) : "not scored yet"),
    tile("Last scored", prediction ? time(prediction.scored_at) : "–", prediction ? leave(prediction.url, `micro-batch ${prediction.batch_id}`) : "after the next event"),
    tile("Window start", time(found.window_start), found.window_start ? h("span", {}, "end ", time(found.window_end)) : "at the first opening event"),
    tile("Registered", time(found.registered_at), found.is_in_window ? "window open" : "window not open"),
  );
}

const at = (text) => new Date(text).getTime();
const edges = (found) => (found.window_start ? [{ at: at(found.window_start), name: "window start" }, { at: at(found.window_end), name: "window end" }] : []);

/** The ends of both charts' axes: from the first of a user's moments to the last, up to now. */
function ends({ events, predictions }, found) {
  const moments = [found.registered_at, found.window_start, ...events.map((one) => one.event_time), ...predictions.map((one) => one.scored_at)].filter(Boolean).map(at);
  const open = found.window_end ? Math.min(at(found.window_end), present()) : 0;
  return { from: Math.min(...moments), to: Math.max(open, ...moments) };
}

function probability(timeline, found, useCase) {
  const { predictions: made } = timeline;
  const title = `Probability of ${useCase.outcome} over time`;
  if (!made.length) return card(title, empty("No predictions yet. A user is scored after their next event."));
  const series = [{ name: "probability", points: made.map((one) => [at(one.scored_at), one.probability, why(one)]), isDots: true, isStep: true }];
  return h("section", { class: "card" }, timeChart("user-probability", title, { series, y: `probability of ${useCase.outcome}`, format: (value) => percent(value, 0), min: 0, max: 1, marks: edges(found), group: "user", ...ends(timeline, found) }));
}

/** The reasons of a prediction, each with its effect in percentage points. */
const why = (one) => one.reasons.map((each) => `${reason(each)} (${points(each.effect)} points)`);

/** Cumulative counts by type; `events` is ordered newest first. */
function activity(useCase, timeline, found) {
  const { events: made, is_cut: isCut } = timeline;
  const title = isCut ? `Cumulative events by type, last ${made.length} events` : "Cumulative events by type";
  if (!made.length) return card(title, empty("No events in the user's window yet."));
  const grown = new Map(useCase.event_types.map((type) => [type, []]));
  for (const event of [...made].reverse()) {
    const line = grown.get(event.event_type);
    line?.push([at(event.event_time), line.length + 1]);
  }
  const series = [...grown].filter(([, line]) => line.length).map(([name, line]) => ({ name: words(name), points: line, isStep: true }));
  return h("section", { class: "card" }, timeChart("user-events", title, { series, y: "events", format: count, marks: edges(found), group: "user", ...ends(timeline, found) }));
}

function drivers(useCase, path, found) {
  const place = h("div", { role: "status" });
  const key = `${useCase.name}/${path}`;
  const kept = known.get(key);
  if (!found.prediction) place.append(empty("No predictions yet, so there are no drivers."));
  else if (kept?.scored_at === found.prediction.scored_at) place.append(...driven(kept.drivers));
  else {
    place.append(quiet("Computing drivers …"));
    api.get(useCase.name, `${path}/drivers`).then((made) => {
      known.clear();
      known.set(key, { scored_at: found.prediction.scored_at, drivers: made });
      place.replaceChildren(...driven(made));
    }, (error) => place.replaceChildren(empty(error.message)));
  }
  return card("Top drivers", place);
}

const LEAST = 0.0005; // smaller effects would be displayed as 0.0 points

function driven(found) {
  const moving = found.drivers.filter((driver) => Math.abs(driver.effect) >= LEAST).slice(0, 8);
  if (!moving.length) return [h("p", {}, `Version ${found.model_version} currently predicts ${percent(found.probability)}. Nothing distinguishes this user from the median.`), quiet(found.method)];
  const strongest = Math.max(...moving.map((driver) => Math.abs(driver.effect)));
  const bars = moving.map((driver) => {
    const filled = h("i");
    filled.style.width = `${(Math.abs(driver.effect) / strongest) * 100}%`;
    filled.style.background = driver.effect > 0 ? "var(--two)" : "var(--three)";
    const names = driver.features.map((one) => h("div", { title: one.feature }, featureValue(one.feature, one.value), h("span", { class: "quiet" }, `, ${typical(one.median)}`)));
    return [h("span", {}, names), h("span", { class: "meter" }, filled), h("span", { class: "nowrap" }, `${points(driver.effect)} points`)];
  });
  return [
    h("p", {}, `Version ${found.model_version} currently predicts ${percent(found.probability)}; for a user with median features ${percent(found.base_probability)}. Effects that add up to the difference, in percentage points:`),
    h("div", { class: "bars" }, bars.flat()),
    quiet(found.method),
  ];
}

function features(found) {
  const rows = Object.entries(found.features).map(([feature, value]) => ({ feature, value }));
  return card("Current feature values", table("features", "Current feature values", [{ id: "feature", title: "Feature", cell: (row) => h("span", { class: "mono" }, row.feature) }, { id: "value", title: "Value", number: true, cell: (row) => (typeof row.value === "string" ? row.value : number(row.value)) }], rows));
}

function events({ events: made, is_cut: isCut }) {
  if (!made.length) return card("Timeline", empty("No events in the user's window yet."));
  const amounts = (event) => Object.entries(event.values).map(([name, value]) => `${name} ${number(value)}`).join(", ");
  const columns = [
    { id: "event_time", title: "Event time", cell: (event) => time(event.event_time) },
    { id: "event_type", title: "Event" },
    { id: "amounts", title: "Amounts", value: amounts },
    { id: "batch_id", title: "Micro-batch", number: true },
  ];
  return card("Timeline", isCut ? quiet(`Latest ${made.length} events.`) : null, table("events", "Events, newest first", columns, made));
}

function predictions({ predictions: made }, useCase) {
  if (!made.length) return card("Predictions", empty("No predictions yet."));
  const columns = [
    { id: "scored_at", title: "Scored at", cell: (one) => time(one.scored_at) },
    { id: "probability", title: "Probability", number: true, cell: (one) => percent(one.probability) },
    { id: "predicted", title: "Prediction", cell: (one) => badge(one.predicted, useCase) },
    { id: "reasons", title: "Reasons", value: (one) => why(one).join("; ") },
    { id: "model_version", title: "Model version", number: true },
    { id: "batch_id", title: "Airflow run", cell: (one) => leave(one.url, `micro-batch ${one.batch_id}`) },
  ];
  return card("Predictions", table("predictions", "Predictions, newest first", columns, made, { sort: "-scored_at" }));
}

/** Erasure is a run of forget_user: the dry run is started from here, the erasure itself in Airflow's form. */
function erasure(useCase, found) {
  const dag = `${useCase.name}.forget_user`;
  const status = h("span", { role: "status" });
  const start = async (event) => {
    event.target.disabled = true;
    status.replaceChildren(" Starting …");
    try {
      const run = await api.trigger(dag, { user_id: found.user_id, dry_run: true });
      status.replaceChildren(" Started: ", leave(`/dags/${dag}/runs/${encodeURIComponent(run.dag_run_id)}`, "Airflow run"), ". Its note lists what would be erased.");
    } catch (error) {
      status.replaceChildren(` ${error.message}`);
      event.target.disabled = false;
    }
  };
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Erase this user"),
    quiet("Erases the user from all tables, files, snapshots and artifacts; needs the permission to trigger forget_user."),
    h("p", {}, h("button", { type: "button", id: "dry-run", onclick: start }, "Start a dry run"), " ", leave(`/dags/${dag}`, "Erase in Airflow's form"), status),
  );
}
