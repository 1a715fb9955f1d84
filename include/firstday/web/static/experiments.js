// Experiments: does the offer help? Running and past holdouts: effect with interval over time, arms, balance, money.

import * as api from "./api.js";
import { timeChart } from "./charts.js";
import { capital, card, copyButton, count, counted, empty, exact, h, leave, mono, percent, quiet, tile, time, wide } from "./dom.js";
import { address } from "./route.js";
import { table } from "./table.js";

export function experiments(useCase, parts) {
  return parts[0] ? one(useCase, parts[0]) : list(useCase);
}

const DOCS = "docs/concepts/experiments.html";
const help = (...words) => h("a", { href: DOCS, target: "_blank", rel: "noopener" }, ...words);
const isMean = (found) => found.outcome === "mean";
const unit = (found) => (isMean(found) ? "per user" : "percentage points");
/** An effect: of a share in percentage points, of another outcome as it is. */
const plain = (found) => (value) => (value === null || value === undefined ? "–" : isMean(found) ? exact(3)(value) : (value * 100).toFixed(1));
const size = (found, value) => (value === null || value === undefined ? "–" : `${value > 0 ? "+" : ""}${plain(found)(value)}`);
const mean = (found, value) => (isMean(found) ? exact(3)(value) : percent(value));
const amount = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en", { maximumFractionDigits: 2, minimumFractionDigits: 2 }));
const span = (found, low, high) => (low === null || low === undefined ? "" : `${plain(found)(low)} to ${plain(found)(high)}`);

async function list(useCase) {
  const found = await api.get(useCase.name, "experiments");
  const begun = found.beginning.length ? quiet(`The experiment of ${found.beginning.join(", ")} begins with its next delivery.`) : null;
  if (!found.experiments.length) return [wide("Experiments", empty("No experiment yet. A target with a holdout is one: a part of the due users is not reached, and the difference between both groups is what the offer changes."), begun), beginning(useCase, found)];
  const columns = [
    { id: "experiment", title: "Experiment", cell: (row) => h("a", { class: "mono", href: address(["experiments", row.experiment]) }, row.experiment) },
    { id: "state", title: "State", value: state, cell: (row) => h("span", { class: `pill ${row.ended_at ? "over" : "good"}` }, state(row)) },
    { id: "effect", title: "Effect", number: true, value: (row) => row.latest?.effect ?? null, cell: (row) => `${size(row, row.latest?.effect)}${row.latest && !isMean(row) ? " points" : ""}` },
    { id: "interval", title: "95 % interval", number: true, isFixed: true, value: (row) => span(row, row.low, row.high) },
    { id: "users", title: "Users with a known outcome", number: true, value: (row) => (row.latest ? row.latest.treated + row.latest.holdout : 0), cell: (row) => count(row.latest ? row.latest.treated + row.latest.holdout : 0) },
    { id: "sentence", title: "Result", isFixed: true, value: (row) => row.sentence, cell: (row) => [capital(row.sentence), row.alerts.map((alert) => h("div", { class: "alert" }, capital(alert)))] },
    { id: "started_at", title: "Started", cell: (row) => time(row.started_at) },
    { id: "ended_at", title: "Ended", cell: (row) => (row.ended_at ? time(row.ended_at) : "running") },
  ];
  return [wide("Experiments", begun, table("experiments", "Experiments, latest first", columns, found.experiments, { sort: "-started_at" }), measuredBy(found.measure_dag)), beginning(useCase, found)];
}

const state = (row) => (row.is_final ? "final result" : row.ended_at ? "ended" : "running");
const measuredBy = (dag) => quiet("Measured every hour by ", leave(`/dags/${dag}`, dag), ", and by the command ", mono("firstday effect"), ". ", help("How it is measured"), ".");

/** How to begin one: the lines of YAML, and a simulation without any target. */
function beginning(useCase, { without, experiments: known }) {
  const target = without[0] ?? "offers";
  const kind = without.length ? "# as it is" : "kind: files\n    folder: offers";
  const yaml = `targets:
  ${target}:
    ${kind}
    when: {once: true, holdout: {share: 0.1, salt: spring}}
decision: {currency: EUR, offer_cost: 2, value_of_retained: 12}`;
  const command = `firstday --use-case ${useCase.name} simulate-experiment --days 1 --effect 0.3`;
  return h("details", { class: "card", id: "begin", open: known.length === 0 }, h("summary", {}, known.length ? "Begin another experiment" : "Begin an experiment"),
    h("p", {}, "Give a target a holdout in the use case's YAML. A tenth of the due users, chosen by their id and the salt, is then not reached; another salt or share begins another experiment. ", mono("decision"), " gives costs and gains in your currency."),
    h("pre", { class: "mono scroll", tabindex: "0" }, yaml), copyButton(yaml, "Copy the YAML"),
    h("p", {}, "Or see one first, on generated users in a lake of its own:"),
    h("pre", { class: "mono scroll", tabindex: "0" }, command), copyButton(command, "Copy the command"), " ", help("About experiments"));
}

async function one(useCase, name) {
  const found = await api.get(useCase.name, `experiments/${encodeURIComponent(name)}`);
  const about = found.experiment;
  return [
    h("p", {}, h("a", { href: address("experiments") }, "← Experiments")),
    h("h2", { class: "mono wrap" }, about.experiment),
    banner(about),
    tiles(useCase, found, about),
    h("div", { class: "cards two" }, overTime(found, about), means(found, about), known(found), earned(found, about)),
    h("div", { class: "cards" }, arms(found, about), suppressed(found)),
    measuredBy(`${useCase.name}.measure_effect`),
  ];
}

/** The result in one sentence, and each reason not to believe it. */
function banner(about) {
  const level = about.alerts.length ? "stalled" : about.is_shown ? (about.latest.effect > 0 ? "healthy" : "degraded") : "neutral";
  const sentence = about.is_shown ? `This offer ${about.sentence}.` : `${capital(about.sentence)}.`;
  return h("div", { class: `state ${level}`, role: "status" }, h("strong", {}, sentence), about.alerts.length ? h("ul", {}, about.alerts.map((alert) => h("li", {}, `${capital(alert)}.`))) : null);
}

function tiles(useCase, found, about) {
  const latest = about.latest;
  const users = latest ? latest.treated + latest.holdout : 0;
  const gone = found.erased ? `; ${count(found.erased)} erased` : "";
  const p = found.balance_p_value;
  return h(
    "div",
    { class: "tiles" },
    tile("Effect", size(about, latest?.effect), about.low === null ? "no outcomes of both arms yet" : `${unit(about)}; 95 % interval ${span(about, about.low, about.high)}`),
    tile("Minimum detectable effect", latest?.minimum_detectable ? plain(about)(latest.minimum_detectable) : "–", `${unit(about)}; so many users show it in 80 % of cases`),
    tile("Users", count(found.entered), `${count(users)} with a known outcome${gone}`),
    tile("Held out", percent(about.holdout_share, 0), about.horizon_days ? `judged after ${counted(about.horizon_days, "day")}` : "no horizon: interval of all measurements"),
    ...spent(useCase, about),
    tile("Balance of the arms, p", p === null ? "–" : p < 0.001 ? p.toExponential(0) : exact(3)(p), found.least_balanced ? `least alike: ${found.least_balanced}` : "", p !== null && p < 0.001 ? "warned" : ""),
    tile("Contaminated", count(found.contaminated), "held-out users who were reached", found.contaminated ? "warned" : ""),
  );
}

/** Gain and cost in the use case's currency. */
function spent({ is_positive: isPositive }, { money, latest }) {
  if (!money) return ["Gain per treated user", "Cost of the offers"].map((title) => tile(title, "–", latest ? "decision in the YAML sets costs and values" : "not measured yet"));
  const gain = latest.gain_low === null ? "" : `95 % interval ${amount(latest.gain_low)} to ${amount(latest.gain_high)}`;
  return [
    tile(`Gain per treated user, ${money.currency}`, amount(latest.gain_per_user), gain),
    tile(`Cost of the offers, ${money.currency}`, amount(money.cost), money.cost_per_saved === null ? `no user ${isPositive ? "won" : "saved"} so far` : `${amount(money.cost_per_saved)} per user ${isPositive ? "won" : "saved"}`),
  ];
}

const at = (row) => new Date(row.measured_at).getTime();
const points = (rows, key) => rows.map((row) => [at(row), row[key]]);
const section = (key, title, rows, spec) => h("section", { class: "card" }, rows.length ? timeChart(key, title, spec) : [h("h2", {}, title), empty("Not measured yet. measure_effect runs every hour.")]);

function overTime({ measurements: rows }, about) {
  const series = [{ name: "effect", points: points(rows, "effect"), colour: 0 }, { name: "lower end of the 95 % interval", points: points(rows, "valid_low"), isDashed: true, colour: 0 }, { name: "upper end", points: points(rows, "valid_high"), isDashed: true, colour: 0 }];
  return section("effect", "Effect over time", rows, { series, y: unit(about), format: plain(about), limits: [{ name: "no effect", value: 0 }], note: "The interval holds for all measurements together: an effect is shown where 0 is outside of it." });
}

function means({ measurements: rows }, about) {
  const series = [{ name: "treated", points: points(rows, "treated_mean") }, { name: "held out", points: points(rows, "holdout_mean") }];
  return section("arms", "Mean outcome of both arms", rows, { series, y: isMean(about) ? "outcome per user" : "share of users", format: (value) => mean(about, value) });
}

function known({ measurements: rows }) {
  const series = [{ name: "treated", points: points(rows, "treated") }, { name: "held out", points: points(rows, "holdout") }];
  return section("known", "Users with a known outcome", rows, { series, y: "users", format: count, min: 0 });
}

function earned({ measurements: rows }, about) {
  const title = "Gain per treated user";
  if (!about.money) return card(title, empty("Costs and values are not configured: add decision: {currency, offer_cost, value_of_retained} to the YAML."));
  const series = [{ name: "gain", points: points(rows, "gain_per_user"), colour: 2 }, { name: "lower end of the 95 % interval", points: points(rows, "gain_low"), isDashed: true, colour: 2 }, { name: "upper end", points: points(rows, "gain_high"), isDashed: true, colour: 2 }];
  const total = about.money.gain === null ? "" : ` All offers so far: ${amount(about.money.gain)} ${about.money.currency} (${amount(about.money.low)} to ${amount(about.money.high)}).`;
  return section("gain", title, rows, { series, y: about.money.currency, format: exact(2), limits: [{ name: "no gain", value: 0 }], note: `Value of who stays because of the offer, less its cost.${total}` });
}

function arms(found, about) {
  const total = found.arms.reduce((sum, arm) => sum + arm.users, 0);
  const columns = [
    { id: "arm", title: "Arm", value: (row) => (row.arm === "holdout" ? "held out" : row.arm) },
    { id: "users", title: "Users", number: true, cell: (row) => count(row.users) },
    { id: "share", title: "Share", number: true, value: (row) => row.users / total, cell: (row) => percent(row.users / total) },
    { id: "expected_share", title: "Expected share", number: true, cell: (row) => percent(row.expected_share) },
    { id: "known", title: "Known outcomes", number: true, cell: (row) => count(row.known) },
    { id: "mean", title: isMean(about) ? "Mean outcome" : "Share with the outcome", number: true, cell: (row) => mean(about, row.mean) },
  ];
  return card("Arms", found.arms.length ? table("arms", "Arms of the experiment", columns, found.arms) : empty("No user has entered it yet."));
}

const REASONS = {
  budget: "the budget of the day was used up, or is kept for users with a higher priority",
  closed: "at risk no longer, by a closing event that was stored before it was sent",
  cooldown: "reached by this target within its cooldown",
  never: "must not be reached, by the target's table of exclusions",
};

function suppressed({ suppressed: rows }) {
  const columns = [
    { id: "reason", title: "Reason" },
    { id: "why", title: "Meaning", isFixed: true, value: (row) => REASONS[row.reason] ?? "" },
    { id: "predictions", title: "Predictions", number: true, cell: (row) => count(row.predictions) },
    { id: "users", title: "Users", number: true, cell: (row) => count(row.users) },
  ];
  return card("Due predictions that were not delivered", rows.length ? table("suppressed", "Suppressed predictions by reason", columns, rows) : empty("None: each due user was treated or held out."));
}
