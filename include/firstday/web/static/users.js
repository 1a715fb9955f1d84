// Users in their window, and one of them.

import * as api from "./api.js";
import { chart } from "./charts.js";
import { card, count, empty, h, leave, number, percent, table, tile, time } from "./dom.js";

const LIMIT = 100;
const choice = { search: "", only: "all" };
const ONLY = [["all", "all"], ["predicted_churn", "about to churn"], ["likely_to_stay", "likely to stay"], ["not_scored", "not scored yet"]];

export function users(useCase, rest, isAgain) {
  return rest[0] ? one(useCase, rest[0], isAgain) : list(useCase, isAgain);
}

const query = (limit) => new URLSearchParams({ ...choice, limit }).toString();

async function list(useCase, isAgain) {
  const found = await api.get(useCase.name, `users?${query(LIMIT)}`);
  const rows = listed(found, useCase);
  const shown = document.getElementById("listed");
  if (isAgain && shown) return void shown.replaceChildren(...rows); // what is being typed stays
  return [controls(useCase), h("div", { id: "listed" }, rows)];
}

function controls(useCase) {
  const look = async () => {
    const asked = { ...choice };
    const found = await api.get(useCase.name, `users?${query(LIMIT)}`);
    const shown = document.getElementById("listed");
    if (!shown) return; // another tab is, by now
    if (asked.search === choice.search && asked.only === choice.only) shown.replaceChildren(...listed(found, useCase));
    document.getElementById("export").href = api.address(useCase.name, `users.csv?${query(100000)}`).href;
  };
  const set = (name) => (event) => {
    choice[name] = event.target.value.trim();
    look();
  };
  return h(
    "div",
    { class: "bar" },
    h("label", {}, "Search by id", h("input", { id: "search", type: "search", value: choice.search, oninput: set("search"), placeholder: "how it begins", autocomplete: "off" })),
    h("label", {}, "Show", h("select", { id: "only", onchange: set("only") }, ONLY.map(([value, words]) => h("option", { value, selected: value === choice.only }, words)))),
    h("a", { id: "export", href: api.address(useCase.name, `users.csv?${query(100000)}`).href, download: `${useCase.name}_users.csv` }, "Export CSV"),
  );
}

function listed(found, useCase) {
  if (!found.users.length) {
    const why = choice.search ? `No registered user's id begins with “${choice.search}”.` : choice.only === "all" ? "Nobody is in their window at the moment. A window opens with a user's first opening event." : "Nobody in their window is like that at the moment.";
    return [empty(why)];
  }
  const columns = [
    { title: "User", cell: (user) => h("a", { class: "mono", href: `#users/${encodeURIComponent(user.user_id)}` }, user.user_id) },
    { title: "Churn probability", number: true, cell: (user) => percent(user.churn_probability) },
    { title: "Verdict", cell: (user) => verdict(user.predicted_churn) },
    { title: "Window opened", cell: (user) => time(user.window_start) },
    { title: "Last event", cell: (user) => time(user.last_seen_at) },
    { title: "Scored", cell: (user) => time(user.scored_at) },
    { title: "Version", number: true, cell: (user) => user.model_version ?? "–" },
  ];
  const title = choice.search ? "Users found" : `Users within ${useCase.window_hours} hours of their window's opening`;
  const note = found.is_cut ? `The first ${LIMIT}, most endangered first; the export has all.` : `${count(found.users.length)}, most endangered first.`;
  return [h("p", { class: "quiet" }, note), h("section", { class: "card" }, table(title, columns, found.users))];
}

function verdict(isAboutToChurn) {
  if (isAboutToChurn === null) return h("span", { class: "quiet" }, "not scored yet");
  return h("span", { class: `pill ${isAboutToChurn ? "churn" : "stays"}` }, isAboutToChurn ? "about to churn" : "likely to stay");
}

async function one(useCase, id, isAgain) {
  if (isAgain) return undefined; // it is read, not watched
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
    tile("Churn probability", prediction ? percent(prediction.churn_probability) : "–", prediction ? verdict(prediction.predicted_churn) : "not scored yet"),
    tile("Scored", prediction ? time(prediction.scored_at) : "–", prediction ? leave(prediction.url, `micro-batch ${prediction.batch_id}`) : "with the next scored event"),
    tile("Window opened", time(user.window_start), user.window_start ? h("span", {}, "closes ", time(user.window_end)) : "opens with the first opening event"),
    tile("Registered", time(user.registered_at), user.is_in_window ? "in their window" : "outside of their window"),
  );
}

const epoch = (text) => new Date(text).getTime() / 1000;

function probability({ predictions: made }) {
  const title = "Churn probability through the day";
  if (!made.length) return card(title, empty("No prediction yet. It comes with the next scored event of this user."));
  return h("section", { class: "card" }, chart(title, made.map((one) => epoch(one.scored_at)), { probability: made.map((one) => one.churn_probability) }, { format: (value) => percent(value, 0), range: () => [0, 1], points: true }));
}

/** Counts by type as they grew; events come newest first. */
function activity(useCase, { events: made, is_cut: isCut }) {
  const title = isCut ? `The last ${made.length} events, counted by type` : "Events, counted by type";
  if (!made.length) return card(title, empty("No events in their window yet."));
  const inOrder = [...made].reverse();
  const types = useCase.event_types.filter((type) => made.some((event) => event.event_type === type));
  const grown = Object.fromEntries(types.map((type) => [type, []]));
  for (const event of inOrder) for (const type of types) grown[type].push((grown[type].at(-1) ?? 0) + (event.event_type === type));
  return h("section", { class: "card" }, chart(title, inOrder.map((event) => epoch(event.event_time)), grown, { format: count }));
}

function drivers(useCase, path, user) {
  const place = h("div", { role: "status" }, h("p", { class: "quiet" }, "Asking the model …"));
  if (user.prediction) {
    api.get(useCase.name, `${path}/drivers`).then((found) => place.replaceChildren(...driven(found)), (error) => place.replaceChildren(empty(error.message)));
  } else {
    place.replaceChildren(empty("There is nothing to explain before the first prediction."));
  }
  return card("What drives it", place);
}

const LEAST = 0.0005; // effects below it would be shown as none

function driven(found) {
  const moving = found.drivers.filter((driver) => Math.abs(driver.effect) >= LEAST).slice(0, 8);
  if (!moving.length) return [h("p", {}, `Version ${found.model_version} now says ${percent(found.churn_probability)}. No feature alone moves it: several say the same.`), h("p", { class: "quiet" }, found.method)];
  const strongest = Math.max(...moving.map((driver) => Math.abs(driver.effect)));
  const bars = moving.map((driver) => {
    const filled = h("i");
    filled.style.width = `${(Math.abs(driver.effect) / strongest) * 100}%`;
    filled.style.background = driver.effect > 0 ? "var(--two)" : "var(--three)";
    const effect = `${driver.effect >= 0 ? "+" : "−"}${(Math.abs(driver.effect) * 100).toFixed(1)} points`;
    return [h("span", {}, h("span", { class: "mono" }, driver.feature), h("br"), h("span", { class: "quiet" }, `${number(driver.value)}, usual ${number(driver.usual)}`)), h("span", { class: "meter" }, filled), h("span", {}, effect)];
  });
  return [
    h("p", {}, `Version ${found.model_version} now says ${percent(found.churn_probability)}. Raised (+) or lowered (−) by this user's value, against the usual one:`),
    h("div", { class: "bars" }, bars.flat()),
    h("p", { class: "quiet" }, found.method),
  ];
}

function features(user) {
  const rows = Object.entries(user.features);
  return card("Features as they stand", table("Features", [{ title: "Feature", cell: ([name]) => h("span", { class: "mono" }, name) }, { title: "Value", number: true, cell: ([, value]) => number(value) }], rows));
}

function events({ events: made, is_cut: isCut }) {
  if (!made.length) return card("Timeline", empty("No events in their window yet."));
  const amounts = (event) => Object.entries(event.values).map(([name, value]) => `${name} ${number(value)}`).join(", ");
  const columns = [{ title: "When", cell: (event) => time(event.event_time) }, { title: "Event", cell: (event) => event.event_type }, { title: "Amounts", cell: amounts }, { title: "Micro-batch", number: true, cell: (event) => event.batch_id }];
  return card("Timeline", h("p", { class: "quiet" }, isCut ? `The newest ${made.length}; 100 are listed.` : `${made.length}; the newest 100 are listed.`), table("Events, the newest first", columns, made.slice(0, 100)));
}

function predictions({ predictions: made }) {
  if (!made.length) return card("Predictions", empty("None yet."));
  const columns = [{ title: "When", cell: (one) => time(one.scored_at) }, { title: "Probability", number: true, cell: (one) => percent(one.churn_probability) }, { title: "Verdict", cell: (one) => verdict(one.predicted_churn) }, { title: "Version", number: true, cell: (one) => one.model_version }, { title: "Run", cell: (one) => leave(one.url, `micro-batch ${one.batch_id}`) }];
  return card("Predictions", table("Predictions, the newest first", columns, [...made].reverse().slice(0, 100)));
}
