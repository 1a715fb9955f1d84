// Elements built without innerHTML: values from the lake are text, never markup.

/** An element with attributes and children; strings become text, null and false are skipped. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A table from columns `{title, cell, number}` and rows. */
export function table(caption, columns, rows) {
  const head = columns.map((column) => h("th", { scope: "col", class: column.number ? "number" : null }, column.title));
  const cells = (row) => columns.map((column) => h("td", { class: column.number ? "number" : null }, column.cell(row) ?? ""));
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "hidden" }, caption),
      h("thead", {}, h("tr", {}, head)),
      h("tbody", {}, rows.map((row) => h("tr", {}, cells(row)))),
    ),
  );
}

export const card = (title, ...children) => h("section", { class: "card" }, h("h2", {}, title), ...children);
export const wide = (title, ...children) => h("section", { class: "card wide" }, h("h2", {}, title), ...children);
export const empty = (...words) => h("p", { class: "empty" }, ...words);

export function tile(title, value, note = "") {
  return h("dl", { class: "tile" }, h("dt", {}, title), h("dd", { class: "big" }, value), h("dd", { class: "quiet" }, note));
}

const NONE = "–";
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
export const count = (value) => (value === null || value === undefined ? NONE : whole.format(value));
export const counted = (value, noun) => `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
export const number = (value) => (value === null || value === undefined ? NONE : short.format(value));
export const percent = (value, digits = 1) => (value === null || value === undefined ? NONE : `${(value * 100).toFixed(digits)} %`);
export function seconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 120) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return value < 7200 ? `${(value / 60).toFixed(0)} min` : `${(value / 3600).toFixed(1)} h`;
}
export function bytes(value) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let size = value, unit = 0;
  for (; size >= 1000 && unit < units.length - 1; unit += 1) size /= 1000;
  return `${size.toFixed(unit && size < 100 ? 1 : 0)} ${units[unit]}`;
}

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

/** A link out of this page. Airflow's frame may not navigate, so the click is made in Airflow's own document. */
export function leave(url, ...words) {
  if (!url) return h("span", {}, ...words);
  const isOutside = !url.startsWith("/");
  const follow = (event) => {
    if (window.parent === window) return;
    event.preventDefault();
    const outer = window.parent.document.createElement("a");
    outer.href = new URL(url, document.baseURI).href;
    if (isOutside || event.ctrlKey || event.metaKey || event.button === 1) Object.assign(outer, { target: "_blank", rel: "noopener" });
    outer.click();
  };
  return h("a", { href: url, rel: "noopener", target: isOutside ? "_blank" : "_top", onclick: follow, onauxclick: follow }, ...words);
}
