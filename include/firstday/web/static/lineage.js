// Lineage: tables and places from left to right, each after what it is made from, and the same as a table.

import * as api from "./api.js";
import { empty, h, leave, mono, quiet, wide } from "./dom.js";
import { address } from "./route.js";
import { table } from "./table.js";

const WIDTH = 147, HEIGHT = 46, BOX = 132, TALL = 30; // px, of a column, a row and a box

export async function lineage(useCase) {
  const found = await api.get(useCase.name, "lake/lineage");
  return [
    h("p", {}, h("a", { href: address("lake") }, "← Lake")),
    wide("Lineage", quiet("Each table after those that it is made from; dashed, what is used again earlier. Point at a table for its lines, at a line for the stage or DAG."), drawn(found, kindsOf(found))),
    wide("Stages and DAGs", quiet("What is read is parsed from the SQL of each stage, DAG and view."), steps(found)),
  ];
}

/** Which stage, DAG or view makes what from what: of all tables, or of one. */
export function steps(found, name = null) {
  const kinds = kindsOf(found);
  const columns = [
    { id: "source", title: "From", cell: (row) => named(row.source, kinds) },
    { id: "by", title: "By", cell: (row) => mono(leave(row.dag && `/dags/${row.dag}`, row.by)) },
    { id: "target", title: "To", cell: (row) => named(row.target, kinds) },
  ];
  const rows = found.edges.filter((one) => !name || one.source === name || one.target === name);
  return rows.length ? table("lineage", "What is made from what", columns, rows) : empty("Kept by the lake itself: no table is made from it.");
}

const kindsOf = ({ nodes }) => new Map(nodes.map((one) => [one.name, one.kind]));
const named = (name, kinds) => (kinds.get(name) === "outside" ? name : h("a", { class: "mono", href: address(["lake", "tables", name]) }, name));

function drawn({ nodes, edges }, kinds) {
  const places = arranged(nodes.map((one) => one.name), first(edges, kinds));
  const [across, down] = [0, 1].map((axis) => Math.max(...[...places.values()].map((place) => place[axis])) + 1);
  const size = { width: `${across * WIDTH - (WIDTH - BOX)}px`, height: `${down * HEIGHT}px` };
  const lines = svg("svg", { "aria-hidden": "true", width: parseInt(size.width), height: parseInt(size.height) }, paths(edges, places));
  const boxes = nodes.map(({ name, kind }) => {
    const [column, row] = places.get(name);
    const box = kind === "outside" ? h("span", { class: "node outside" }, name) : h("a", { class: `node mono ${kind}`, href: address(["lake", "tables", name]), title: name }, name);
    Object.assign(box.style, { left: `${column * WIDTH}px`, top: `${row * HEIGHT}px` });
    const mark = (isOn) => () => lines.querySelectorAll("path").forEach((line) => line.classList.toggle("marked", isOn && [line.dataset.source, line.dataset.target].includes(name)));
    for (const [event, isOn] of [["pointerenter", true], ["focus", true], ["pointerleave", false], ["blur", false]]) box.addEventListener(event, mark(isOn));
    return box;
  });
  const inside = h("div", { class: "lineage" }, lines, boxes);
  Object.assign(inside.style, size);
  return h("div", { class: "scroll whole", tabindex: "0", role: "region", "aria-label": "Drawing of the lineage; the table below says the same" }, inside);
}

/** The edges that place a table: those of the step that makes it first, and all of what is outside of the lake. */
function first(edges, kinds) {
  const makers = new Map();
  for (const { target, by } of edges) if (!makers.has(target)) makers.set(target, by);
  return edges.filter((one) => makers.get(one.target) === one.by || kinds.get(one.source) === "outside");
}

/** Name → column and row. An edge that would close a circle has no say. */
function arranged(names, edges) {
  const before = new Map(names.map((name) => [name, new Set()]));
  const leads = (from, to) => from === to || [...before.get(to)].some((one) => leads(from, one));
  for (const { source, target } of edges) if (!leads(target, source)) before.get(target).add(source);
  const depth = (name) => Math.max(-1, ...[...before.get(name)].map(depth)) + 1;
  // What has no source of its own stands just before its first use.
  const use = (name) => Math.min(...edges.filter((one) => one.source === name && before.get(one.target).has(name)).map((one) => depth(one.target)));
  const column = new Map(names.map((name) => [name, before.get(name).size ? depth(name) : Math.max(use(name) - 1, 0)]));
  const places = new Map();
  for (const at of [...new Set(column.values())].sort((one, other) => one - other)) {
    const height = (name) => [...before.get(name)].reduce((sum, one) => sum + (places.get(one)?.[1] ?? 0), 0) / (before.get(name).size || 1);
    const here = names.filter((name) => column.get(name) === at).sort((one, other) => height(one) - height(other));
    here.forEach((name, row) => places.set(name, [at, row]));
  }
  const most = Math.max(...[...places.values()].map(([, row]) => row)) + 1;
  const counts = Map.groupBy(places.values(), ([at]) => at);
  return new Map([...places].map(([name, [at, row]]) => [name, [at, row + (most - counts.get(at).length) / 2]]));
}

function paths(edges, places) {
  const lines = new Map();
  for (const one of edges) if (one.source !== one.target) lines.set(`${one.source} → ${one.target}`, [...(lines.get(`${one.source} → ${one.target}`) ?? []), one]);
  return [...lines].map(([title, [first, ...others]]) => {
    const [from, to] = [places.get(first.source), places.get(first.target)];
    const isBack = to[0] <= from[0];
    const [x1, y1] = [from[0] * WIDTH + BOX, from[1] * HEIGHT + TALL / 2];
    const [x2, y2] = [to[0] * WIDTH, to[1] * HEIGHT + TALL / 2];
    const bend = isBack ? 60 : (x2 - x1) / 2;
    return svg("path", { class: isBack ? "back" : "", "data-source": first.source, "data-target": first.target, d: `M${x1} ${y1} C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` }, svg("title", {}, `${title}: ${[first, ...others].map((one) => one.by).join(", ")}`));
  });
}

function svg(tag, attributes, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat());
  return element;
}
