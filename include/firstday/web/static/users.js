// Risk list: users in their window, highest probability first.

import * as api from "./api.js";
import { sparkline } from "./charts.js";
import { capital, choose, copyButton, counted, download, empty, h, percent, present, quiet, seconds, time, words } from "./dom.js";
import { address, ask, asked } from "./route.js";
import { table, wanted } from "./table.js";
import { user } from "./user.js";
import { reason } from "./words.js";

const FILTERS = ["search", "only", "segment", "cohort", "cohort_value", "hour"];
const refresh = () => window.dispatchEvent(new Event("refresh"));

export function users(useCase, parts) {
  return parts[0] ? user(useCase, parts[0]) : list(useCase);
}

function query(more) {
  const chosen = FILTERS.map((name) => [name, asked(name)]).filter(([, value]) => value !== null);
  return new URLSearchParams([...chosen, ...Object.entries(more)]).toString();
}

async function list(useCase) {
  const { sort, offset, limit } = wanted("users", "-probability");
  const [found, cohorts] = await Promise.all([api.get(useCase.name, `users?${query({ sort, offset, limit })}`), api.get(useCase.name, "users/cohorts")]);
  return [controls(useCase, cohorts), h("div", { id: "listed" }, listed(useCase, found))];
}

function controls(useCase, cohorts) {
  const set = (changes) => {
    ask({ ...changes, "users.page": null });
    refresh();
  };
  const search = searchField((value) => set({ search: value }));
  const outcome = useCase.outcome;
  const only = [["", "all"], ["predicted", `predicted ${outcome}`], ["not_predicted", `no predicted ${outcome}`], ["not_scored", "not scored yet"]];
  const cohort = asked("cohort") ?? "";
  const columns = [...new Set(cohorts.map((one) => one.column))];
  const values = cohorts.filter((one) => one.column === cohort).map((one) => [one.value, `${one.value} (${one.users})`]);
  const hours = [["", "all"], ...Array.from({ length: 24 }, (_, hour) => [hour, `${String(hour).padStart(2, "0")}:00`])];
  return h(
    "div",
    { class: "bar" },
    h("label", {}, "Search by user id", search),
    choose("only", "Show", only, asked("only") ?? "", (value) => set({ only: value })),
    useCase.segments.length ? choose("segment", "Segment", [["", "all"], ...useCase.segments.map((name) => [name, words(name)])], asked("segment") ?? "", (value) => set({ segment: value })) : null,
    columns.length ? choose("cohort", "Cohort by", [["", "none"], ...columns.map((name) => [name, name])], cohort, (value) => set({ cohort: value, cohort_value: value && cohorts.find((one) => one.column === value).value })) : null,
    cohort ? choose("cohort-value", capital(cohort), values, asked("cohort_value"), (value) => set({ cohort_value: value })) : null,
    choose("hour", "Registered in the hour (UTC)", hours, asked("hour") ?? "", (value) => set({ hour: value })),
    asked("cohort") || asked("hour") ? copyButton(asYaml, "Copy as a segment for the YAML") : null,
    download(api.address(useCase.name, `users.csv?${query({ limit: 100000 })}`).href, `${useCase.name}_users.csv`, "Export CSV"),
  );
}

/** The filter as a segment of the use case's YAML, which a target can have: values are JSON, and so YAML. */
function asYaml() {
  const lines = [
    asked("cohort") ? `    registration: {${asked("cohort")}: [${JSON.stringify(asked("cohort_value"))}]}` : "",
    asked("hour") ? `    registered_hours: [${asked("hour")}]` : "",
  ];
  return ["segments:", "  my_segment:", ...lines.filter(Boolean), ""].join("\n");
}

/** The field, with what is being typed in the one that it replaces. */
function searchField(set) {
  const before = document.activeElement?.id === "search" ? document.activeElement : null;
  const field = h("input", { id: "search", type: "search", placeholder: "prefix", autocomplete: "off" });
  field.value = before?.value ?? asked("search") ?? "";
  if (before) field.setSelectionRange(before.selectionStart, before.selectionEnd);
  field.addEventListener("input", () => set(field.value.trim()));
  return field;
}

function listed(useCase, found) {
  const isFiltered = FILTERS.slice(1).some((name) => asked(name));
  if (!found.users.length) {
    const why = asked("search") ? `No registered user with the id prefix “${asked("search")}”.` : isFiltered ? "No users in their window match these filters." : "No users in their window. A window opens with a user's first opening event.";
    return [empty(why)];
  }
  const columns = [
    { id: "user_id", title: "User", isFixed: true, cell: (one) => h("a", { class: "mono", href: address(["users", one.user_id]) }, one.user_id) },
    { id: "probability", title: `Probability of ${useCase.outcome}`, number: true, cell: (one) => percent(one.probability) },
    { id: "history", title: "History", isFixed: true, value: (one) => one.history.map((value) => value.toFixed(3)).join(" "), cell: (one) => (one.history.length ? sparkline(one.history, `${counted(one.history.length, "prediction")}, from ${percent(one.history[0])} to ${percent(one.history.at(-1))}`) : "–") },
    { id: "predicted", title: "Prediction", isFixed: true, cell: (one) => badge(one.predicted, useCase) },
    { id: "reasons", title: "Top reasons", isFixed: true, value: (one) => one.reasons.map((each) => reason(each, found.medians)).join("; "), cell: (one) => one.reasons.slice(0, 2).map((each) => h("div", { class: "reason" }, reason(each, found.medians))) },
    { id: "window_end", title: "Time left", number: true, cell: (one) => (one.is_in_window ? seconds(left(one.window_end)) : one.window_end ? "window ended" : "not open") },
    { id: "scored_at", title: "Scored", cell: (one) => (one.scored_at ? h("span", {}, `${seconds(-left(one.scored_at))} ago`) : "–") },
    { id: "last_seen_at", title: "Last event", cell: (one) => time(one.last_seen_at) },
    { id: "label", title: "Outcome", isFixed: true, cell: (one) => (one.label === null ? "not known yet" : one.label ? useCase.outcome : `no ${useCase.outcome}`) },
    { id: "model_version", title: "Model version", number: true, cell: (one) => one.model_version ?? "–" },
  ];
  const title = asked("search") ? "Search results" : `Users in their ${useCase.window_hours}-hour window`;
  return [quiet(`${counted(found.total, "user")}, highest probability first unless sorted otherwise.`), h("section", { class: "card" }, table("users", title, columns, found.users, { total: found.total, onchange: refresh, sort: "-probability" }))];
}

const left = (text) => (new Date(text).getTime() - present()) / 1000;

export function badge(isPredicted, { outcome, is_positive: isPositive }) {
  if (isPredicted === null || isPredicted === undefined) return h("span", { class: "quiet" }, "not scored yet");
  return h("span", { class: `pill ${isPredicted === isPositive ? "good" : "bad"}` }, isPredicted ? `predicted ${outcome}` : `no predicted ${outcome}`);
}
