// The one table: sorted by its heads, filtered, in pages, with a head that stays and a copy for a spreadsheet.
// Its state is in the address: `NAME.sort` (a column, - before it for descending), `NAME.page`, `NAME.find`.

import { copyButton, count, counted, h } from "./dom.js";
import { ask, asked } from "./route.js";

const SIZE = 50;
const tables = new Map(); // name -> its table on the page, kept while its rows change

/**
 * A table `name` of rows. Columns: `{id, title, cell, value, number}`; `value` is what is sorted, searched and copied,
 * by default the row's property of that id. With `total` and `onchange` the rows are one page that the API has
 * sorted and counted: `onchange` is called when another one is wanted. `noun` is what a row is about.
 */
export function table(name, caption, columns, rows, options = {}) {
  const known = tables.get(name);
  const made = known?.element.isConnected ? known : build(name);
  tables.set(name, made);
  made.fill(caption, columns, rows, options);
  return made.element;
}

/** What a table on the page is sorted by and which rows it shows. */
export function wanted(name, sort = "") {
  const page = Math.max(Number(asked(`${name}.page`)) || 1, 1);
  return { sort: asked(`${name}.sort`) ?? sort, page, offset: (page - 1) * SIZE, limit: SIZE };
}

const valueOf = (column, row) => (column.value ? column.value(row) : row[column.id]);
const textOf = (value) => (value === null || value === undefined ? "" : String(value));

/** What a cell shows: of several parts one element, as on a phone a cell's title is beside its content. */
function content(column, row) {
  const made = (column.cell ? column.cell(row) : textOf(valueOf(column, row))) ?? "";
  return Array.isArray(made) ? h("div", {}, made) : made;
}

function compare(one, other) {
  const isMissing = [one, other].map((value) => value === null || value === undefined || value === "");
  if (isMissing[0] || isMissing[1]) return isMissing[0] - isMissing[1];
  return typeof one === "number" && typeof other === "number" ? one - other : textOf(one).localeCompare(textOf(other), "en", { numeric: true });
}

function build(name) {
  let state = { caption: "", columns: [], rows: [], options: {} };
  const find = h("input", { id: `${name}-find`, type: "search", placeholder: "Filter", "aria-label": "Filter rows", autocomplete: "off" });
  const note = h("span", { class: "quiet", role: "status" });
  const pages = h("span", { class: "pages" });
  const copied = copyButton(() => [state.columns.map((column) => column.title), ...chosen().map((row) => state.columns.map((column) => textOf(valueOf(column, row))))].map((cells) => cells.map((cell) => cell.replaceAll(/[\t\n\r]/g, " ")).join("\t")).join("\n"), "Copy");
  const head = h("tr", {});
  const body = h("tbody", {});
  const hidden = h("caption", { class: "hidden" });
  const region = h("div", { class: "scroll", tabindex: "0", role: "region" }, h("table", {}, hidden, h("thead", {}, head), body));
  const bar = h("div", { class: "tablebar" }, find, note, pages, copied);
  const element = h("div", { class: "table", "data-table": name }, bar, region);
  find.value = asked(`${name}.find`) ?? "";
  find.addEventListener("input", () => set({ find: find.value.trim(), page: null }));

  function set(changes) {
    ask(Object.fromEntries(Object.entries(changes).map(([key, value]) => [`${name}.${key}`, value])));
    if (state.options.onchange) state.options.onchange();
    else draw();
  }

  function chosen() {
    if (state.options.onchange) return state.rows;
    const text = (asked(`${name}.find`) ?? "").toLowerCase();
    const { sort } = wanted(name, state.options.sort);
    const rows = text ? state.rows.filter((row) => state.columns.some((column) => textOf(valueOf(column, row)).toLowerCase().includes(text))) : [...state.rows];
    const column = state.columns.find((one) => one.id === sort.replace(/^-/, ""));
    if (column) {
      const direction = sort.startsWith("-") ? -1 : 1;
      rows.sort((one, other) => {
        const [left, right] = [valueOf(column, one), valueOf(column, other)];
        const isMissing = left === null || left === undefined || right === null || right === undefined;
        return isMissing ? compare(left, right) : direction * compare(left, right);
      });
    }
    return rows;
  }

  function titles(sort) {
    return state.columns.map((column) => {
      const by = sort === column.id ? "ascending" : sort === `-${column.id}` ? "descending" : null;
      const next = by === "descending" || (!by && !column.number) ? column.id : `-${column.id}`;
      const mark = by === "ascending" ? " ▲" : by === "descending" ? " ▼" : "";
      const inside = column.isFixed ? column.title : h("button", { type: "button", id: `${name}-sort-${column.id}`, class: "head", title: column.about ?? null, onclick: () => set({ sort: next, page: null }) }, column.title + mark);
      return h("th", { scope: "col", class: column.number ? "number" : null, "aria-sort": by }, inside);
    });
  }

  function draw() {
    const { sort, page, offset } = wanted(name, state.options.sort);
    const rows = chosen();
    const total = state.options.total ?? rows.length;
    const last = Math.max(Math.ceil(total / SIZE), 1);
    const shown = state.options.onchange ? rows : rows.slice(Math.min(offset, (last - 1) * SIZE), Math.min(offset, (last - 1) * SIZE) + SIZE);
    const focused = element.contains(document.activeElement) ? document.activeElement.id : "";
    hidden.textContent = state.caption;
    region.setAttribute("aria-label", state.caption);
    head.replaceChildren(...titles(sort));
    const cells = (row) => state.columns.map((column) => h("td", { class: column.number ? "number" : null, "data-column": column.title }, content(column, row)));
    const unfolded = new Set([...body.querySelectorAll("details[open][id]")].map((one) => one.id));
    body.replaceChildren(...shown.map((row) => h("tr", {}, cells(row))));
    for (const one of body.querySelectorAll("details[id]")) one.open = unfolded.has(one.id);
    const all = counted(total, state.options.noun ?? "row");
    note.textContent = total > SIZE ? `${count((page - 1) * SIZE + 1)} to ${count(Math.min(page * SIZE, total))} of ${all}` : all;
    const turn = (to, words, id) => h("button", { type: "button", id: `${name}-${id}`, class: "small", disabled: to < 1 || to > last, onclick: () => set({ page: to === 1 ? null : to }) }, words);
    pages.replaceChildren(...(last > 1 ? [turn(page - 1, "Previous", "previous"), turn(page + 1, "Next", "next")] : []));
    find.hidden = Boolean(state.options.onchange) || (total < 8 && !find.value);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  }

  return {
    element,
    fill(caption, columns, rows, options) {
      state = { caption, columns, rows, options };
      const isSame = document.activeElement === find;
      if (!isSame) find.value = asked(`${name}.find`) ?? "";
      draw();
    },
  };
}
