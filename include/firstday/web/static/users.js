// Users tab: users in their window, and the details of one user.

import * as api from "./api.js";
import { chart } from "./charts.js";
import { card, count, counted, empty, h, leave, number, percent, table, tile, time } from "./dom.js";

const LIMIT = 100;
const choice = { search: "", only: "all" };
const ONLY = [["all", "all"], ["predicted_churn", "predicted churn"], ["likely_to_stay", "no predicted churn"], ["not_scored", "not scored yet"]];

export function users(useCase, rest, isAgain) {
  return rest[0] ? one(useCase, rest[0], isAgain) : list(useCase, isAgain);
}

const query = (limit) => new URLSearchParams({ ...choice, limit }).toString();

async function list(useCase, isAgain) {
  const found = await api.get(useCase.name, `users?${query(LIMIT)}`);
  const rows = listed(found, useCase);
  const shown = document.getElementById("listed");
  if (isAgain && shown) return void shown.replaceChildren(...rows); // keeps the search text that is being typed
  return [controls(useCase), h("div", { id: "listed" }, rows)];
}

function controls(useCase) {
  const refresh = async () => {
    const asked = { ...choice };
    const found = await api.get(useCase.name, `users?${query(LIMIT)}`);
    const shown = document.getElementById("listed");
    if (!shown) return; // another tab has been opened meanwhile
    if (asked.search === choice.search && asked.only === choice.only) shown.replaceChildren(...listed(found, useCase));
    document.getElementById("export").href = api.address(useCase.name, `users.csv?${query(100000)}`).href;
  };
  const set = (name) => (event) => {
    choice[name] = event.target.value.trim();
    refresh();
  };
  return h(
    "div",
    { class: "bar" },
    h("label", {}, "Search by user id", h("input", { id: "search", type: "search", value: choice.search, oninput: set("search"), placeholder: "prefix", autocomplete: "off" })),
    h("label", {}, "Show", h("select", { id: "only", onchange: set("only") }, ONLY.map(([value, words]) => h("option", { value, selected: value === choice.only }, words)))),
    h("a", { id: "export", href: api.address(useCase.name, `users.csv?${query(100000)}`).href, download: `${useCase.name}_users.csv` }, "Export CSV"),
  );
}

function listed(found, useCase) {
  if (!found.users.length) {
    const why = choice.search ? `No registered user with the id prefix “${choice.search}”.` : choice.only === "all" ? "No users in their window. A window opens with a user's first opening event." : "No users in their window match this filter.";
    return [empty(why)];
  }
  const columns = [
    { title: "User", cell: (user) => h("a", { class: "mono", href: `#users/${encodeURIComponent(user.user_id)}` }, user.user_id) },
    { title: "Churn probability", number: true, cell: (user) => percent(user.churn_probability) },
    { title: "Prediction", cell: (user) => badge(user.predicted_churn) },
    { title: "Window start", cell: (user) => time(user.window_start) },
    { title: "Last event", cell: (user) => time(user.last_seen_at) },
    { title: "Last scored", cell: (user) => time(user.scored_at) },
    { title: "Model version", number: true, cell: (user) => user.model_version ?? "–" },
  ];
  const title = choice.search ? "Search results" : `Users in their ${useCase.window_hours}-hour window`;
  const note = found.is_cut ? `First ${LIMIT} users, highest risk first. The export contains all.` : `${counted(found.users.length, "user")}, highest risk first.`;
  return [h("p", { class: "quiet" }, note), h("section", { class: "card" }, table(title, columns, found.users))];
}

function badge(isPredictedChurn) {
  if (isPredictedChurn === null) return h("span", { class: "quiet" }, "not scored yet");
  return h("span", { class: `pill ${isPredictedChurn ? "churn" : "stays"}` }, isPredictedChurn ? "predicted churn" : "no predicted churn");
}

async function one(useCase, id, isAgain) {
  if (isAgain) return undefined; // no refresh while somebody reads
  const path = `users/${encodeURIComponent(id)}`;
  const [user, timeline] = await Promise.all([api.get(useCase.name, path), api.get(useCase.name, `${path}/timeline`)]);
  return [
    h("p", {}, h("a", { href: "#users" }, "← All users")),
    h("h2", { class: "mono wrap" }, user.user_id),
    facts(user),
    h("div", { class: "cards" }, probability(timeline), activity(useCase, timeline), drivers(useCase, path, user), features(user)),
    h("div", { class: "cards" }, events(timeline), predictions(timeline)),
  ];
}

function facts(user) {
  const { prediction } = user;
  return h(
    "div",
    { class: "tiles" },
    tile("Churn probability", prediction ? percent(prediction.churn_probability) : "–", prediction ? badge(prediction.predicted_churn) : "not scored yet"),
    tile("Last scored", prediction ? time(prediction.scored_at) : "–", prediction ? leave(prediction.url, `micro-batch ${prediction.batch_id}`) : "after the next event"),
    tile("Window start", time(user.window_start), user.window_start ? h("span", {}, "end ", time(user.window_end)) : "at the first opening event"),
    tile("Registered", time(user.registered_at), user.is_in_window ? "window open" : "window not open"),
  );
}

const epoch = (text) => new Date(text).getTime() / 1000;

function probability({ predictions: made }) {
  const title = "Churn probability over time";
  if (!made.length) return card(title, empty("No predictions yet. A user is scored after their next event."));
  return h("section", { class: "card" }, chart(title, made.map((one) => epoch(one.scored_at)), { probability: made.map((one) => one.churn_probability) }, { format: (value) => percent(value, 0), range: () => [0, 1], points: true }));
}

/** Cumulative counts by type; `events` is ordered newest first. */
function activity(useCase, { events: made, is_cut: isCut }) {
  const title = isCut ? `Cumulative events by type, last ${made.length} events` : "Cumulative events by type";
  if (!made.length) return card(title, empty("No events in the user's window yet."));
  const inOrder = [...made].reverse();
  const types = useCase.event_types.filter((type) => made.some((event) => event.event_type === type));
  const grown = Object.fromEntries(types.map((type) => [type, []]));
  for (const event of inOrder) for (const type of types) grown[type].push((grown[type].at(-1) ?? 0) + (event.event_type === type));
  return h("section", { class: "card" }, chart(title, inOrder.map((event) => epoch(event.event_time)), grown, { format: count }));
}

function drivers(useCase, path, user) {
  const place = h("div", { role: "status" }, h("p", { class: "quiet" }, "Computing drivers …"));
  if (user.prediction) {
    api.get(useCase.name, `${path}/drivers`).then((found) => place.replaceChildren(...driven(found)), (error) => place.replaceChildren(empty(error.message)));
  } else {
    place.replaceChildren(empty("No predictions yet, so there are no drivers."));
  }
  return card("Top drivers", place);
}

const LEAST = 0.0005; // smaller effects would be displayed as 0.0 points

function driven(found) {
  const moving = found.drivers.filter((driver) => Math.abs(driver.effect) >= LEAST).slice(0, 8);
  if (!moving.length) return [h("p", {}, `Version ${found.model_version} currently predicts ${percent(found.churn_probability)}. Nothing distinguishes this user from the median.`), h("p", { class: "quiet" }, found.method)];
  const strongest = Math.max(...moving.map((driver) => Math.abs(driver.effect)));
  const bars = moving.map((driver) => {
    const filled = h("i");
    filled.style.width = `${(Math.abs(driver.effect) / strongest) * 100}%`;
    filled.style.background = driver.effect > 0 ? "var(--two)" : "var(--three)";
    const effect = `${points(driver.effect)} points`;
    const names = driver.features.map((one) => h("div", {}, h("span", { class: "mono" }, one.feature), h("br"), h("span", { class: "quiet" }, `${number(one.value)}, median ${number(one.median)}`)));
    return [h("span", {}, names), h("span", { class: "meter" }, filled), h("span", {}, effect)];
  });
  return [
    h("p", {}, `Version ${found.model_version} currently predicts ${percent(found.churn_probability)}; for a user with median features ${percent(found.base_probability)}. Effects that add up to the difference, in percentage points:`),
    h("div", { class: "bars" }, bars.flat()),
    h("p", { class: "quiet" }, found.method),
  ];
}

function features(user) {
  const rows = Object.entries(user.features);
  return card("Current feature values", table("Features", [{ title: "Feature", cell: ([name]) => h("span", { class: "mono" }, name) }, { title: "Value", number: true, cell: ([, value]) => number(value) }], rows));
}

function events({ events: made, is_cut: isCut }) {
  if (!made.length) return card("Timeline", empty("No events in the user's window yet."));
  const amounts = (event) => Object.entries(event.values).map(([name, value]) => `${name} ${number(value)}`).join(", ");
  const columns = [{ title: "Event time", cell: (event) => time(event.event_time) }, { title: "Event", cell: (event) => event.event_type }, { title: "Amounts", cell: amounts }, { title: "Micro-batch", number: true, cell: (event) => event.batch_id }];
  return card("Timeline", h("p", { class: "quiet" }, made.length > 100 ? `Latest 100 of ${isCut ? "more than " : ""}${counted(made.length, "event")}.` : `${counted(made.length, "event")}.`), table("Events, newest first", columns, made.slice(0, 100)));
}

const points = (effect) => `${effect >= 0 ? "+" : "−"}${(Math.abs(effect) * 100).toFixed(1)}`;

function reasons({ reasons: found }) {
  return found.map((one) => `${one.features.join(", ")} ${points(one.effect)}`).join("; ");
}

function predictions({ predictions: made }) {
  if (!made.length) return card("Predictions", empty("No predictions yet."));
  const columns = [{ title: "Scored at", cell: (one) => time(one.scored_at) }, { title: "Probability", number: true, cell: (one) => percent(one.churn_probability) }, { title: "Prediction", cell: (one) => badge(one.predicted_churn) }, { title: "Reasons", cell: reasons }, { title: "Model version", number: true, cell: (one) => one.model_version }, { title: "Airflow run", cell: (one) => leave(one.url, `micro-batch ${one.batch_id}`) }];
  return card("Predictions", table("Predictions, newest first", columns, [...made].reverse().slice(0, 100)));
}
