// Tabs, polling, theme. Each tab is a function of the use case and the rest of the URL fragment; it returns elements.

import * as api from "./api.js";
import { redraw } from "./charts.js";
import { h } from "./dom.js";
import { lake } from "./lake.js";
import { model } from "./model.js";
import { overview } from "./overview.js";
import { reference } from "./reference.js";
import { users } from "./users.js";

const TABS = { overview, users, model, lake, api: reference };
const EVERY = 5000;
const CHOSEN = "firstday.use_case";
const main = document.getElementById("main");
const trouble = document.getElementById("trouble");
const select = document.getElementById("use-case");
let useCase = null;
let turn = 0;

function place() {
  const [tab, ...rest] = location.hash.slice(1).split("/");
  return TABS[tab] ? { tab, rest: rest.map(decodeURIComponent) } : { tab: "overview", rest: [] };
}

/** Show the tab named in the URL. On a refresh, a tab that returns undefined stays unchanged. */
async function show(isAgain = false) {
  const mine = isAgain ? turn : (turn += 1);
  const { tab, rest } = place();
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${tab}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  main.setAttribute("aria-busy", "true");
  try {
    const elements = await TABS[tab](useCase, rest, isAgain);
    if (mine !== turn) return;
    trouble.hidden = true;
    if (elements) keepFocus(() => main.replaceChildren(...[elements].flat()));
  } catch (error) {
    if (mine !== turn) return;
    trouble.textContent = `${error.message} Retrying …`;
    trouble.hidden = false;
  } finally {
    if (mine === turn) main.setAttribute("aria-busy", "false");
  }
}

/** Replace the content and keep the keyboard focus and the scroll position. */
function keepFocus(replace) {
  const id = main.contains(document.activeElement) ? document.activeElement.id : "";
  const scrolled = window.scrollY;
  replace();
  if (id) document.getElementById(id)?.focus({ preventScroll: true });
  window.scrollTo(0, scrolled);
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
  const cases = await api.useCases();
  trouble.hidden = true;
  if (!cases.length) throw new Error("No valid use case. Airflow lists the errors under Dag Import Errors.");
  select.replaceChildren(...cases.map((one) => h("option", { value: one.name }, one.title)));
  document.getElementById("chooser").hidden = cases.length < 2;
  const remembered = localStorage.getItem(CHOSEN);
  if (cases.some((one) => one.name === remembered)) select.value = remembered;
  const choose = () => {
    localStorage.setItem(CHOSEN, select.value);
    useCase = cases.find((one) => one.name === select.value);
    show();
  };
  select.addEventListener("change", choose);
  window.addEventListener("hashchange", () => show());
  window.addEventListener("resize", redraw);
  choose();
  setInterval(() => document.visibilityState === "visible" && show(true), EVERY);
}

/** Start; retry until it succeeds. */
function begin() {
  start().catch((error) => {
    trouble.textContent = error.message;
    trouble.hidden = false;
    main.replaceChildren();
    main.setAttribute("aria-busy", "false");
    setTimeout(begin, EVERY);
  });
}

followTheme();
begin();
