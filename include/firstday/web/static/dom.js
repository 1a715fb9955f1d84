// Elements built without innerHTML: values from the lake are text, never markup.

/** An element with attributes and children; strings become text, null and false are skipped. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const card = (title, ...children) => h("section", { class: "card" }, h("h2", {}, title), ...children);
export const wide = (title, ...children) => h("section", { class: "card wide" }, h("h2", {}, title), ...children);
export const empty = (...words) => h("p", { class: "empty" }, ...words);
export const quiet = (...words) => h("p", { class: "quiet" }, ...words);
/** Text whose parts between backticks are code. */
export const prose = (text) => text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));
export const mono = (...words) => h("span", { class: "mono wrap" }, ...words);

export function tile(title, value, note = "", level = "") {
  return h("dl", { class: `tile ${level}` }, h("dt", {}, title), h("dd", { class: "big" }, value), h("dd", { class: "quiet" }, note));
}

/** A labelled choice `[[value, words]]`. */
export function choose(id, title, choices, chosen, onchange) {
  const options = choices.map(([value, words]) => h("option", { value, selected: String(value) === String(chosen) }, words));
  return h("label", {}, title, h("select", { id, onchange: (event) => onchange(event.target.value) }, options));
}

const NONE = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const isNone = (value) => value === null || value === undefined || Number.isNaN(value);
// A value and its unit are never on two lines.
const unit = (value, name) => `${value}\u00a0${name}`;
export const count = (value) => (isNone(value) ? NONE : whole.format(value));
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
export const number = (value) => (isNone(value) ? NONE : short.format(value));
export const exact = (digits) => (value) => (isNone(value) ? NONE : value.toFixed(digits));
export const percent = (value, digits = 1) => (isNone(value) ? NONE : unit((value * 100).toFixed(digits), "%"));
export function seconds(value) {
  if (isNone(value)) return NONE;
  if (value < 120) return unit(value.toFixed(value < 10 ? 1 : 0), "s");
  return value < 7200 ? unit((value / 60).toFixed(0), "min") : unit((value / 3600).toFixed(1), "h");
}
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value, step = 0;
  for (; size >= 1000 && step < units.length - 1; step += 1) size /= 1000;
  return unit(size.toFixed(step && size < 100 ? 1 : 0), units[step]);
}
/** A name of code in words: `bet_count` is "bet count". */
export const words = (name) => name.replaceAll("_", " ");
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// Airflow stores its user's time zone under this key; the default is UTC.
const chosen = (localStorage.getItem("timezone") ?? "UTC").replaceAll('"', "");
export const zone = Intl.supportedValuesOf("timeZone").includes(chosen) ? chosen : "UTC";
const clock = new Intl.DateTimeFormat("sv", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const full = new Intl.DateTimeFormat("sv", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });

/** A timestamp: the time of day if it is today, else date and time; the full value is the tooltip. */
export function time(text) {
  if (!text) return NONE;
  const moment = new Date(text);
  const isToday = full.format(moment).slice(0, 10) === full.format(new Date()).slice(0, 10);
  return h("time", { datetime: text, title: `${full.format(moment)} ${zone}` }, isToday ? clock.format(moment) : full.format(moment));
}

let shownAt = null;
/** Let the page's present be another time, in milliseconds; null for now. */
export const setPresent = (at) => (shownAt = at);
export const present = () => shownAt ?? Date.now();

/** Seconds from a timestamp to the page's present. */
export const age = (text) => (text ? Math.max((present() - new Date(text).getTime()) / 1000, 0) : null);

/** Follow a link in the document around this frame, which Airflow does not let navigate by itself. */
export function follow(attributes) {
  const outer = (window.parent === window ? window : window.parent).document.createElement("a");
  Object.assign(outer, attributes);
  outer.click();
}

/** A link out of this page. */
export function leave(url, ...words) {
  if (!url) return h("span", {}, ...words);
  const isOutside = !url.startsWith("/");
  const click = (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    const isNew = isOutside || event.ctrlKey || event.metaKey || event.button === 1;
    follow({ href: new URL(url, document.baseURI).href, ...(isNew ? { target: "_blank", rel: "noopener" } : {}) });
  };
  return h("a", { href: url, rel: "noopener", target: isOutside ? "_blank" : "_top", onclick: click, onauxclick: click }, ...words);
}

/** A link that downloads a file. */
export function download(url, name, ...words) {
  const click = (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    follow({ href: new URL(url, document.baseURI).href, download: name });
  };
  return h("a", { href: url, download: name, onclick: click }, ...words);
}

/** Copy text; in a page that is not secure by the older way. */
export async function copy(text) {
  if (navigator.clipboard && window.isSecureContext) {
    const isCopied = await navigator.clipboard.writeText(text).then(() => true, () => false);
    if (isCopied) return true;
  }
  const area = h("textarea", { class: "hidden" });
  area.value = text;
  document.body.append(area);
  area.select();
  const isCopied = document.execCommand("copy");
  area.remove();
  return isCopied;
}

/** A button that copies a text and reports it. */
export function copyButton(text, title = "Copy") {
  const button = h("button", { type: "button", class: "small" }, title);
  button.addEventListener("click", async () => {
    button.textContent = (await copy(typeof text === "function" ? text() : text)) ? "Copied" : "Not copied";
    setTimeout(() => (button.textContent = title), 2000);
  });
  return button;
}
