// Overview: is it well? State with reasons, freshness, rates, rejected rows, and micro-batches by stage.

import * as api from "./api.js";
import { timeChart } from "./charts.js";
import { age, card, choose, count, counted, empty, h, leave, percent, seconds, tile, time, wide } from "./dom.js";
import { address, ask, asked } from "./route.js";
import { table } from "./table.js";
import { seriesName } from "./words.js";

const RANGES = [[1, "last hour"], [3, "last 3 hours"], [12, "last 12 hours"], [24, "last 24 hours"], [72, "last 3 days"]];

export async function overview(useCase) {
  const hours = Number(asked("hours")) || 3;
  const until = asked("until");
  const query = new URLSearchParams({ hours, ...(until ? { until } : {}) });
  const [status, activity] = await Promise.all([api.get(useCase.name, "status"), api.get(useCase.name, `activity?${query}`)]);
  return [state(status, useCase), tiles(status, activity), span(hours, until), charts(activity, useCase, status.lag), microBatch(status.last_micro_batch), stages(status)];
}

function state({ state: { level, reasons }, last_hour: { failed_runs: failed } }, useCase) {
  const about = level === "empty" ? h("span", {}, useCase.description) : null; // before there is anything else to see
  const lines = reasons.length > 1 ? h("ul", {}, reasons.map((reason) => h("li", {}, reason))) : h("span", {}, reasons[0]);
  const runs = failed.slice(0, 5).map((run) => leave(run.url, run.airflow_run));
  return h("div", { class: `state ${level}`, role: "status" }, h("strong", {}, level), about, lines, runs.length ? h("span", { class: "wrap" }, "Failed runs: ", runs.flatMap((link, index) => (index ? [", ", link] : [link]))) : null);
}

function tiles(status, activity) {
  const { totals, lag, model, pending, schedule, last_hour: hour, last_micro_batch: batch } = status;
  const lake = (words) => h("a", { href: address("lake") }, words);
  const isRejecting = hour.rejected_share > 0 || hour.quarantined_files > 0;
  const quarantine = hour.quarantined_files ? `, ${counted(hour.quarantined_files, "file")} in quarantine` : "";
  return h(
    "div",
    { class: "tiles" },
    rate("Events per minute", activity.events, Object.keys(activity.events.values), `${count(totals.events)} in the lake`),
    rate("Predictions per minute", activity.predictions, ["predictions"], `${count(totals.predictions)} in the inference log`),
    tile("Users in their window", count(status.users_in_window), h("a", { href: address("users") }, `${count(totals.users)} registered`)),
    tile("Event-to-prediction lag", seconds(lag.median_seconds), `median, limit ${seconds(lag.limit_seconds)}; 95th percentile ${seconds(lag.p95_seconds)}, last ${lag.over_minutes} min`, lag.median_seconds > lag.limit_seconds ? "warned" : ""),
    tile("Rejected rows, last hour", percent(hour.rejected_share, 2), lake(`${counted(hour.rows_rejected, "row")} of ${count(hour.rows_rejected + hour.rows_stored)}${quarantine}; ${count(totals.rejected_events)} in all`), isRejecting ? "warned" : ""),
    tile("Champion", model ? leave(model.url, `version ${model.version}`) : "none", model ? h("span", {}, "since ", time(model.since)) : "trigger train_model"),
    tile("Latest commit", batch ? `${seconds(age(batch.committed_at))} ago` : "–", pending.files ? h("span", {}, `${counted(pending.files, "file")} pending, oldest `, time(pending.oldest_at)) : "no pending files in landing"),
    tile("Next run", schedule ? (schedule.is_paused ? "paused" : time(schedule.next_run_at)) : "–", schedule?.last_state ? `last run: ${schedule.last_state}` : "no run yet"),
  );
}

const RECENT = 300; // seconds: an older rate is shown with its time

/** The rate of the newest complete step: the current one is still filling. */
function rate(title, series, names, total) {
  const index = Math.min(lastKnown(series), series.step_at.length - 2);
  if (index < 0) return tile(title, "–", total);
  const end = new Date((series.step_at[index] + series.step_seconds) * 1000).toISOString();
  const value = names.reduce((sum, name) => sum + (series.values[name][index] ?? 0), 0);
  return tile(title, count(value), age(end) > RECENT + series.step_seconds ? h("span", {}, "at ", time(end), "; ", total) : total);
}

/** Index of the last step with a value, -1 if there is none. */
function lastKnown(series) {
  return Math.max(...Object.values(series.values).map((values) => values.findLastIndex((value) => value !== null)));
}

/** The same series with zeros for empty steps, up to the newest complete step. */
function zeros(series) {
  const end = Math.min(lastKnown(series), series.step_at.length - 2);
  const fill = (values) => values.map((value, index) => (index <= end ? value ?? 0 : null));
  return { ...series, values: Object.fromEntries(Object.entries(series.values).map(([name, values]) => [name, fill(values)])) };
}

function set(changes) {
  ask(changes);
  window.dispatchEvent(new Event("refresh"));
}

function span(hours, until) {
  const zoomed = until ? h("button", { type: "button", id: "now", onclick: () => set({ until: null }) }, "Up to now") : null;
  const choices = RANGES.some(([value]) => value === hours) ? RANGES : [...RANGES, [hours, `${hours} hours`]];
  const end = h("input", { id: "until", type: "datetime-local", value: until ? until.slice(0, 16) : "", onchange: (event) => set({ until: event.target.value ? `${event.target.value}:00Z` : null }) });
  return h("div", { class: "bar" }, choose("hours", "Time range", choices, hours, (value) => set({ hours: value })), h("label", {}, "up to (UTC)", end), zoomed);
}

const milliseconds = (text) => new Date(text).getTime();

function charts(activity, useCase, { limit_seconds: limit }) {
  const marks = activity.marks.map((mark) => ({ at: milliseconds(mark.marked_at), name: mark.name }));
  const draw = (key, title, series, missing, spec) => {
    if (lastKnown(series) < 0) return card(title, empty(missing));
    const lines = Object.entries(series.values).map(([name, values]) => ({ name: seriesName(name, useCase.outcome), points: series.step_at.map((at, index) => [at * 1000, values[index]]) }));
    return h("section", { class: "card" }, timeChart(key, title, { series: lines, marks, ...spec }));
  };
  return h(
    "div",
    { class: "cards two" },
    draw("events", "Events per minute, by type", zeros(activity.events), "No events in this time range. Unpause generate_events, or post events to the API.", { y: "events per minute", format: count }),
    draw("predictions", "Predictions per minute", zeros(activity.predictions), "No users scored in this time range.", { y: "users per minute", format: count }),
    draw("lag", "Event-to-prediction lag", activity.lag, "No users scored in this time range.", { y: "time from event to prediction", format: seconds, limits: [{ name: "limit", value: limit }] }),
    draw("rejected", "Rejected share of rows", activity.rejected, "No micro-batches in this time range.", { y: "share of rows", format: (value) => percent(value, value && value < 0.01 ? 2 : 1), min: 0 }),
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

function stages({ stages: rows }) {
  const columns = [
    { id: "stage", title: "Stage", cell: (row) => h("span", { class: "mono" }, row.stage) },
    { id: "batch_id", title: "Checkpoint", number: true, cell: (row) => count(row.batch_id) },
    { id: "behind", title: "Micro-batches behind", number: true, cell: (row) => count(row.behind) },
    { id: "updated_at", title: "Updated", cell: (row) => time(row.updated_at) },
  ];
  return wide("Stages", table("stages", "Stages and their checkpoints", columns, rows));
}
