// Charts by uPlot (https://github.com/leeoniya/uPlot), in the page's colours, each with a text alternative.

import { h, zone } from "./dom.js";

const COLOURS = ["--one", "--two", "--three", "--four", "--five", "--six"];
const alive = new Map(); // plot element -> draw

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const clock = new Intl.DateTimeFormat("sv", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat("sv", { timeZone: zone, timeStyle: "medium" });
const day = new Intl.DateTimeFormat("sv", { timeZone: zone, month: "2-digit", day: "2-digit" });
const moment = (epoch) => `${day.format(new Date(epoch * 1000))} ${clock.format(new Date(epoch * 1000))}`;

function hours(_, ticks) {
  const span = ticks.at(-1) - ticks[0];
  const words = span > 86400 ? moment : (tick) => (span < 600 ? exact : clock).format(new Date(tick * 1000));
  return ticks.map(words);
}

function axes(format, isNumeric) {
  const common = { stroke: style("--quiet"), grid: { stroke: style("--line"), width: 0.5 }, ticks: { stroke: style("--line"), width: 0.5 } };
  return [{ ...common, ...(isNumeric ? {} : { values: hours, space: 80 }) }, { ...common, size: 56, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : format(tick))) }];
}

/** The range of a time axis; a single point gets half an hour on each side. */
const around = (xs) => (_, low, high) => (xs[0] === xs.at(-1) ? [xs[0] - 1800, xs[0] + 1800] : [low, high]);

function options(element, xs, labels, spec) {
  const format = spec.format ?? ((value) => value.toLocaleString("en"));
  return {
    width: Math.max(element.clientWidth, 240),
    height: spec.height ?? 200,
    tzDate: (epoch) => uPlot.tzDate(new Date(epoch * 1000), zone),
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: !spec.isNumeric, range: spec.isNumeric ? () => [0, 1] : around(xs) }, y: { range: spec.range ?? ((_, low, high) => [Math.min(0, low), high > low ? high * 1.05 : low + 1]) } },
    axes: axes(format, spec.isNumeric),
    series: [
      spec.isNumeric ? { label: spec.x ?? "", value: (_, value) => (value === null ? "" : value.toFixed(2)) } : { label: "time", value: (_, epoch) => (epoch === null ? "–" : moment(epoch)) },
      ...labels.map((label, index) => ({
        label,
        stroke: style(COLOURS[index % COLOURS.length]),
        width: 1.5,
        dash: spec.dashed?.includes(label) ? [6, 4] : undefined,
        points: { show: spec.points ?? false, size: 6 },
        spanGaps: spec.spanGaps ?? true,
        value: (_, value) => (value === null || value === undefined ? "–" : format(value)),
        ...(spec.isBars ? { paths: uPlot.paths.bars({ size: [0.9, 60] }), fill: style(COLOURS[index]) } : {}),
      })),
    ],
  };
}

/** A chart of values `{label: [y]}` over xs; `spec.summary` is its text alternative. */
export function chart(title, xs, values, spec = {}) {
  const element = h("div", { class: "plot" });
  const labels = Object.keys(values);
  const words = spec.summary ?? labels.map((label) => `${label}: ${spoken(values[label], spec.format)}`).join("; ");
  const figure = h("figure", {}, h("h2", {}, title), h("div", { role: "img", "aria-label": `${title}. ${words}` }, element));
  let plot = null;
  const draw = () => {
    plot?.destroy();
    plot = new uPlot(options(element, xs, labels, spec), [xs, ...Object.values(values)], element);
  };
  alive.set(element, draw);
  queueMicrotask(() => requestAnimationFrame(() => element.isConnected && draw()));
  return figure;
}

function spoken(values, format = (value) => value.toFixed(1)) {
  const known = values.filter((value) => value !== null && value !== undefined);
  return known.length ? `newest ${format(known.at(-1))}, highest ${format(Math.max(...known))}` : "no values yet";
}

/** Draw all charts again after a change of theme or width; drop those no longer on the page. */
export function redraw() {
  for (const [element, draw] of alive) {
    if (element.isConnected) draw();
    else alive.delete(element);
  }
}
