// Rooms, the address, refreshes and the theme. A room is a function of the use case, the parts of the address and its
// query; it returns elements. Charts and tables keep their state, so that a room is simply built again to refresh it.

import * as api from "./api.js";
import { dropUnused, redraw } from "./charts.js";
import { setCursor } from "./cursor.js";
import { capital, empty, h } from "./dom.js";
import { drift } from "./drift.js";
import { experiments } from "./experiments.js";
import { lake } from "./lake.js";
import { model } from "./model.js";
import { overview } from "./overview.js";
import { reference } from "./reference.js";
import * as route from "./route.js";
import { users } from "./users.js";

const ROOMS = { overview, users, model, drift, experiments, lake, api: reference };
const TITLES = { users: "Risk list", drift: "Drift and performance", api: "API" };
const EVERY = 5000;
const BUSY = "[data-busy], dialog[open], input[type=range]:active"; // what an update would take out of a hand
const CHOSEN = "firstday.use_case";
const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
const select = document.getElementById("use-case");
const pause = document.getElementById("pause");
let cases = [];
let turn = 0;
let updatedAt = null;
let isPaused = false;

/** The use case and the room in the address; what is missing there is remembered, or the first. */
function here() {
  const { useCase: name, room, parts, query } = route.place(Object.keys(ROOMS));
  const remembered = localStorage.getItem(CHOSEN);
  const useCase = cases.find((one) => one.name === name) ?? (name ? null : cases.find((one) => one.name === remembered) ?? cases[0]);
  return { name, useCase, room: room ?? "overview", parts, query };
}

function heads(room) {
  const links = Object.keys(ROOMS).map((name) => h("a", { href: route.address(name), "aria-current": name === room ? "page" : null }, TITLES[name] ?? capital(name)));
  const known = [...document.querySelectorAll("#rooms a")];
  if (known.length !== links.length) document.getElementById("rooms").replaceChildren(...links);
  else known.forEach((link, index) => {
    link.href = links[index].href;
    if (links[index].hasAttribute("aria-current")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
}

/** Show the place in the address. Where another one was shown before, its content goes at once. */
async function show(isAgain = false) {
  if (isAgain && main.querySelector(BUSY)) return;
  const mine = (turn += 1);
  const { name, useCase, room, parts, query } = here();
  if (!useCase) {
    route.setUseCase(cases[0].name);
    heads("");
    fail(`There is no use case ${name}. Choose one above.`);
    return;
  }
  if (!isAgain) enter(useCase, room, parts);
  main.setAttribute("aria-busy", "true");
  try {
    const past = await setCursor(useCase, room, () => show());
    const elements = [past, await ROOMS[room](useCase, parts, query)];
    if (mine !== turn) return;
    if (isAgain && main.querySelector(BUSY)) return;
    keepFocus(() => main.replaceChildren(...[elements].flat(Infinity).filter(Boolean)));
    dropUnused();
    updatedAt = Date.now();
    trouble.hidden = true;
  } catch (error) {
    if (mine !== turn) return;
    if (main.dataset.filled === place()) report(`${error.message} The data shown are of the last update.`);
    else fail(error.message);
    return;
  } finally {
    if (mine === turn) main.setAttribute("aria-busy", "false");
    tick();
  }
  main.dataset.filled = place();
}

const place = () => location.hash.split("?")[0];

/** Name the place, and empty the page unless it shows the same place already. */
function enter(useCase, room, parts) {
  route.setUseCase(useCase.name);
  localStorage.setItem(CHOSEN, useCase.name);
  select.value = useCase.name;
  if (!location.hash.startsWith(`#${useCase.name}/`)) {
    history.replaceState(history.state, "", route.address([room, ...parts], Object.fromEntries(new URLSearchParams(location.hash.split("?")[1] ?? ""))));
  }
  route.mirror();
  heads(room);
  document.title = `${[TITLES[room] ?? capital(room), ...parts].join(", ")} – ${useCase.title}`;
  trouble.hidden = true;
  if (main.dataset.filled === place()) return;
  main.dataset.filled = "";
  updatedAt = null;
  main.replaceChildren(h("p", { class: "quiet loading", role: "status" }, "Loading …"));
  window.scrollTo(0, 0);
}

function report(text) {
  trouble.textContent = text;
  trouble.hidden = false;
}

/** Show an error in place of the content: there is none to keep. */
function fail(text) {
  updatedAt = null;
  main.replaceChildren(empty(h("strong", {}, text), h("br"), h("button", { type: "button", onclick: () => show() }, "Try again")));
  main.setAttribute("aria-busy", "false");
}

/** Replace the content and keep the keyboard focus, the scroll positions and what is unfolded. */
function keepFocus(replace) {
  const id = main.contains(document.activeElement) ? document.activeElement.id : "";
  const scrolled = window.scrollY;
  const regions = [...main.querySelectorAll(".scroll")].map((one) => [one, one.scrollTop, one.scrollLeft]);
  const unfolded = new Set([...main.querySelectorAll("details[open][id]")].map((one) => one.id));
  replace();
  for (const one of main.querySelectorAll("details[id]")) if (unfolded.has(one.id)) one.open = true;
  for (const [one, top, left] of regions) if (one.isConnected) Object.assign(one, { scrollTop: top, scrollLeft: left });
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
  window.scrollTo(0, scrolled);
}

/** How old the shown data are. */
function tick() {
  const seconds = updatedAt === null ? null : Math.round((Date.now() - updatedAt) / 1000);
  const age = seconds === null ? "" : seconds < 1 ? "updated now" : `updated ${seconds} s ago`;
  document.getElementById("updated").textContent = isPaused ? `paused, ${age}` : age;
}

function setPaused(value) {
  isPaused = value;
  pause.textContent = isPaused ? "Resume" : "Pause";
  pause.setAttribute("aria-pressed", String(isPaused));
  tick();
  if (!isPaused) show(true);
}

/** Follow Airflow's theme when it changes; outside Airflow, the system's theme. */
function followTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const outer = window.parent === window ? null : window.parent.document.documentElement;
  const apply = () => {
    const isDark = outer ? outer.classList.contains("dark") : system.matches;
    if (root.classList.contains("dark") !== isDark) {
      root.classList.toggle("dark", isDark);
      redraw();
    }
  };
  if (outer) new MutationObserver(apply).observe(outer, { attributes: true, attributeFilter: ["class"] });
  system.addEventListener("change", apply);
  apply();
}

async function start() {
  cases = await api.useCases();
  trouble.hidden = true;
  if (!cases.length) throw new Error("No valid use case. Airflow lists the errors under Dag Import Errors.");
  select.replaceChildren(...cases.map((one) => h("option", { value: one.name, title: one.description }, one.title)));
  document.getElementById("chooser").hidden = cases.length < 2;
  select.addEventListener("change", () => {
    const { room } = here(); // a user or a table of one use case is none of another
    route.setUseCase(select.value);
    route.go(room);
  });
  window.addEventListener("hashchange", () => show());
  window.addEventListener("refresh", () => show(true));
  pause.addEventListener("click", () => setPaused(!isPaused));
  show();
  setInterval(() => document.visibilityState === "visible" && !isPaused && route.snapshot() === null && main.getAttribute("aria-busy") === "false" && show(true), EVERY);
  setInterval(tick, 1000);
}

/** Start; retry until it succeeds. */
function begin() {
  start().catch((error) => {
    report(error.message);
    main.replaceChildren();
    main.setAttribute("aria-busy", "false");
    setTimeout(begin, EVERY);
  });
}

followTheme();
begin();
