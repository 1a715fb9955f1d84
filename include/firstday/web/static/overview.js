// Overview tab: state, totals, charts and the latest micro-batch.

import * as api from "./api.js";
import { chart } from "./charts.js";
import { count, counted, empty, h, leave, percent, seconds, tile, time, wide } from "./dom.js";

let hours = 3;

export async function overview(useCase) {
  const [status, activity] = await Promise.all([
    api.get(useCase.name, "status"),
    api.get(useCase.name, `activity?hours=${hours}`),
  ]);
  return [line(status.state), tiles(status, activity), span(), charts(activity), microBatch(status.last_micro_batch)];
}

function line(state) {
  return h("p", { class: `state ${state.level}`, role: "status" }, h("strong", {}, state.level), h("span", {}, state.reasons.join(" ")));
}

function tiles(status, activity) {
  const { totals, lag, model, pending, schedule } = status;
  const rejected = totals.rejected_events / Math.max(totals.events + totals.rejected_events, 1);
  return h(
    "div",
    { class: "tiles" },
    tile("Events per minute", count(newest(activity.events)), `${count(totals.events)} in the lake`),
    tile("Predictions per minute", count(newest(activity.predictions, ["predictions"])), `${count(totals.predictions)} in the inference log`),
    tile("Users in their window", count(status.users_in_window), `${count(totals.users)} registered`),
    tile("Event-to-prediction lag", seconds(lag.median_seconds), `median; 95th percentile ${seconds(lag.p95_seconds)}, last ${lag.over_minutes} min`),
    tile("Rejected rows", percent(rejected, 2), h("a", { href: "#lake" }, counted(totals.rejected_events, "row"))),
    tile("Champion", model ? leave(model.url, `version ${model.version}`) : "none", model ? h("span", {}, "since ", time(model.since)) : "trigger train_model"),
    tile("Pending files", count(pending.files), pending.files ? h("span", {}, "oldest ", time(pending.oldest_at)) : "landing is empty"),
    tile("Next run", schedule ? (schedule.is_paused ? "paused" : time(schedule.next_run_at)) : "–", schedule?.last_state ? `last run: ${schedule.last_state}` : "no run yet"),
  );
}

/** Index of the last step with a value, -1 if there is none. */
function lastKnown(series) {
  return Math.max(...Object.values(series.values).map((values) => values.findLastIndex((value) => value !== null)));
}

/** The sum of the newest complete step: the current one is still filling. */
function newest(series, names = Object.keys(series.values)) {
  const index = Math.min(lastKnown(series), series.step_at.length - 2);
  return index < 0 ? null : names.reduce((sum, name) => sum + (series.values[name][index] ?? 0), 0);
}

/** The same series with zeros for empty steps, up to the newest complete step. */
function zeros(series) {
  const end = Math.min(lastKnown(series), series.step_at.length - 2);
  const fill = (values) => values.map((value, index) => (index <= end ? value ?? 0 : null));
  return { ...series, values: Object.fromEntries(Object.entries(series.values).map(([name, values]) => [name, fill(values)])) };
}

function span() {
  const choose = (event) => {
    hours = Number(event.target.value);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  };
  const choices = [[1, "last hour"], [3, "last 3 hours"], [12, "last 12 hours"], [24, "last 24 hours"], [72, "last 3 days"]];
  return h(
    "div",
    { class: "bar" },
    h("label", {}, "Time range", h("select", { id: "hours", onchange: choose }, choices.map(([value, words]) => h("option", { value, selected: value === hours }, words)))),
  );
}

function charts(activity) {
  const { events, predictions, lag, rejected } = activity;
  const nothing = (series) => lastKnown(series) < 0;
  const draw = (title, series, missing, spec = {}) =>
    h("section", { class: "card" }, nothing(series) ? [h("h2", {}, title), empty(missing)] : chart(title, series.step_at, series.values, spec));
  return h(
    "div",
    { class: "cards" },
    draw("Events per minute, by type", zeros(events), "No events in this time range. Unpause generate_events, or post events to the API."),
    draw("Predictions per minute", zeros(predictions), "No users scored in this time range."),
    draw("Event-to-prediction lag", lag, "No users scored in this time range.", { format: seconds }),
    draw("Rejected share of rows", rejected, "No micro-batches in this time range.", { format: (value) => percent(value), range: (_, low, high) => [0, Math.max(high * 1.1, 0.01)] }),
  );
}

const STAGES = ["store_events", "update_features", "score_users", "publish_predictions"];

function microBatch(batch) {
  if (!batch) return wide("Latest micro-batch", empty("No micro-batches yet. The first one is stored when a file arrives in landing."));
  const stage = (name) => {
    const done = batch.stages.find((one) => one.task === name);
    if (!done) return h("li", {}, h("strong", {}, name), h("br"), h("span", { class: "quiet" }, "pending"));
    return h("li", {}, h("strong", {}, leave(done.url, name)), h("br"), `${seconds(done.seconds)}, at `, time(done.committed_at), h("br"), h("span", { class: "quiet" }, done.message));
  };
  return wide(
    `Latest micro-batch: ${batch.batch_id}`,
    h("p", {}, `${counted(batch.rows_stored, "event")} stored, ${counted(batch.rows_rejected, "row")} rejected; started at `, time(batch.started_at), " by ", leave(batch.url, batch.airflow_run)),
    h("ol", { class: "stages" }, STAGES.map(stage)),
  );
}
