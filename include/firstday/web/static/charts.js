// Charts by Apache ECharts (https://echarts.apache.org), in the page's colours, each with a text alternative.
// A chart keeps its element, zoom and tooltip while its data change.

import { count, h, seconds, zone } from "./dom.js";
import { ask, asked } from "./route.js";

const COLOURS = ["--one", "--two", "--three", "--four", "--five", "--six"];
const charts = new Map(); // key -> {element, plot, option}
const OUTLIERS = 4; // times the 98th percentile, from which on a value does not set the scale

const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const stamp = new Intl.DateTimeFormat("sv", { timeZone: zone, dateStyle: "short", timeStyle: "medium" });
const clock = new Intl.DateTimeFormat("sv", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
const fine = new Intl.DateTimeFormat("sv", { timeZone: zone, hour: "2-digit", minute: "2-digit", second: "2-digit" });
const SHORT = 600_000; // milliseconds: on a shorter axis, several ticks are within a minute
const day = new Intl.DateTimeFormat("sv", { timeZone: zone, month: "2-digit", day: "2-digit" });
const plain = (value) => value.toLocaleString("en", { maximumFractionDigits: 3 });

/**
 * A chart over time. `spec`: series `{name, points: [[milliseconds, value]], dashed, isBars}`, where a point may have
 * lines of text for its tooltip as a third part; `y` the title of the axis, `format` of its values, `limits` `{name, value}` as lines, `from` and `to` the ends of the axis if not those of the data, `marks` `{at, name}` as events, `min`, `max`.
 */
export function timeChart(key, title, spec) {
  const moments = [...spec.series.flatMap((one) => one.points.map(([at]) => at)), spec.from, spec.to].filter(Number.isFinite);
  const range = moments.reduce((most, at) => Math.max(most, at), -Infinity) - moments.reduce((least, at) => Math.min(least, at), Infinity);
  const time = range < SHORT ? fine : clock;
  const axis = {
    type: "time",
    name: `time (${zone})`,
    min: spec.from,
    max: spec.to,
    axisLabel: { formatter: (at) => (fine.format(at) === "00:00:00" ? day.format(at) : time.format(at)), hideOverlap: true },
  };
  return chart(key, title, { ...spec, axis, isTime: true, head: (at) => stamp.format(at) });
}

/** A chart over numbers; `x` is the title of its axis, `xFormat` formats its values. */
export function xyChart(key, title, spec) {
  const format = spec.xFormat ?? plain;
  const axis = { type: "value", name: spec.x, min: spec.xMin ?? "dataMin", max: spec.xMax ?? "dataMax", axisLabel: { formatter: format, hideOverlap: true } };
  return chart(key, title, { ...spec, axis, head: (at) => `${spec.x}: ${format(at)}` });
}

/** Bars by category; series are `{name, values}`, in the order of `categories`. */
export function barChart(key, title, spec) {
  const series = spec.series.map((one) => ({ ...one, isBars: true, points: one.values.map((value, index) => [index, value]) }));
  const axis = { type: "category", name: spec.x, data: spec.categories, axisLabel: { hideOverlap: true, interval: "auto" } };
  return chart(key, title, { ...spec, series, axis, head: (at) => spec.categories[Number(at)] ?? String(at) });
}

function chart(key, title, spec) {
  const format = spec.format ?? plain;
  const known = charts.get(key);
  const one = known ?? { element: h("div", { class: "plot" }), plot: null };
  charts.set(key, one);
  if (spec.height) one.element.style.height = `${spec.height}px`;
  const top = scale(spec);
  const isCut = top !== null && asked(`${key}.all`) === null;
  one.option = () => options(key, { ...spec, format, max: isCut ? top : spec.max });
  const words = spec.summary ?? spec.series.map((line) => `${line.name}: ${spoken(line.points, format)}`).join("; ");
  queueMicrotask(() => requestAnimationFrame(() => draw(key, one, spec)));
  const toggle = top === null ? null : h("button", { type: "button", class: "small", id: `${key}-scale`, onclick: () => { ask({ [`${key}.all`]: isCut ? "1" : null }); window.dispatchEvent(new Event("refresh")); } }, isCut ? "Show all values" : "Fit the scale to most values");
  return h("figure", {}, h("h2", {}, title), h("div", { role: "img", "aria-label": `${title}. ${words}` }, one.element), toggle && h("p", { class: "quiet" }, isCut ? `Highest value ${format(highest(spec))}, above the scale. ` : "", toggle), spec.note && h("p", { class: "quiet" }, spec.note));
}

function draw(key, one, spec) {
  if (!one.element.isConnected || !one.element.clientWidth) return;
  if (!one.plot) {
    one.plot = echarts.init(one.element, null, { renderer: "canvas" });
    one.size = new ResizeObserver(() => one.element.isConnected && one.plot.resize());
    one.size.observe(one.element);
    if (spec.group) {
      one.plot.group = spec.group; // its charts share the cursor and the zoom
      echarts.connect(spec.group);
    }
    if (spec.onzoom) one.plot.on("datazoom", () => spec.onzoom(one.plot));
    if (spec.onclick) one.plot.on("click", (event) => one.clicked?.(event));
  }
  one.clicked = spec.onclick;
  one.plot.setOption(one.option(), { replaceMerge: ["series"] });
}

const numbers = (spec) => spec.series.flatMap((one) => one.points.map(([, value]) => value)).filter((value) => value !== null && value !== undefined);
const highest = (spec) => Math.max(...numbers(spec));

/** The end of a scale that few values exceed by far, null where none does. */
function scale(spec) {
  if (spec.max !== undefined || !spec.isTime) return null;
  const values = numbers(spec).sort((one, other) => one - other);
  if (values.length < 20) return null;
  const most = values[Math.floor((values.length - 1) * 0.98)];
  const end = most * 1.3;
  return most > 0 && values.at(-1) > most * OUTLIERS ? Number(end.toPrecision(2)) : null;
}

function options(key, spec) {
  const text = { color: style("--quiet"), fontFamily: "inherit", fontSize: 11 };
  const line = { lineStyle: { color: style("--line") } };
  const axis = { axisLabel: text, axisLine: line, axisTick: line, splitLine: { lineStyle: { color: style("--line"), opacity: 0.5 } }, nameTextStyle: text };
  const many = spec.series.length > 1;
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
    color: COLOURS.map(style),
    grid: { left: 8, right: 18, top: 30, bottom: many ? 66 : 44, containLabel: true },
    legend: { show: many, type: "scroll", bottom: 0, icon: "roundRect", itemWidth: 12, itemHeight: 8, textStyle: { ...text, color: style("--text") }, pageIconColor: style("--text"), pageTextStyle: text },
    tooltip: { trigger: spec.isPoints ? "item" : "axis", confine: true, renderMode: "richText", backgroundColor: style("--raised"), borderColor: style("--line"), textStyle: { color: style("--text"), fontSize: 12 }, formatter: (found) => shown([found].flat(), spec) },
    toolbox: spec.isTime || spec.canZoom ? { right: 12, top: -4, itemSize: 13, iconStyle: { borderColor: style("--quiet") }, feature: { dataZoom: { yAxisIndex: "none", title: { zoom: "Select a range", back: "Previous range" } }, restore: { title: "Whole range" } } } : undefined,
    dataZoom: spec.isTime || spec.canZoom ? [{ type: "inside", zoomOnMouseWheel: "ctrl", moveOnMouseWheel: false, moveOnMouseMove: false, filterMode: "none" }] : [],
    ...axes(spec, axis, text),
    series: spec.series.map((one, index) => series(one, index, spec)),
  };
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400];

/** Ticks of an axis of seconds at whole seconds, minutes or hours, instead of at 33 min. */
function ofSeconds(spec) {
  const most = spec.max ?? highest(spec);
  const interval = STEPS.find((step) => step >= most / 5);
  return spec.format === seconds && most > 5 && interval ? { interval, max: Math.ceil(most / interval) * interval } : {};
}

function axes(spec, axis, text) {
  const across = { ...axis, ...spec.axis, axisLabel: { ...text, ...spec.axis.axisLabel }, nameLocation: "middle", nameGap: 26, splitLine: { show: false } };
  const up = { ...axis, type: "value", name: spec.y ?? "", nameTextStyle: { ...text, align: "left" }, nameGap: 12, min: spec.min ?? ((range) => Math.min(0, range.min)), max: spec.max ?? null, minInterval: spec.format === count ? 1 : undefined, axisLabel: { ...text, formatter: spec.format }, ...ofSeconds(spec) };
  if (!spec.isHorizontal) return { xAxis: across, yAxis: up };
  return { xAxis: { ...up, nameLocation: "middle", nameGap: 26, nameTextStyle: text }, yAxis: { ...across, inverse: true, name: "" } };
}

function series(one, index, spec) {
  const colour = style(COLOURS[(one.colour ?? index) % COLOURS.length]);
  const type = one.isBars ? "bar" : one.isScatter ? "scatter" : "line";
  const isShort = one.points.filter(([, value]) => value !== null).length < 40;
  return {
    name: one.name, type, data: spec.isHorizontal ? one.points.map(([at, value]) => [value, at]) : one.points, step: one.isStep ? "end" : undefined,
    showSymbol: one.isDots ?? isShort, symbolSize: one.isScatter ? 4 : 5, connectNulls: true, barMaxWidth: 60, stack: one.stack, barGap: spec.isOverlaid ? "-100%" : undefined,
    lineStyle: { width: 1.6, type: one.isDashed ? "dashed" : "solid", color: colour },
    itemStyle: { color: colour, opacity: one.isScatter ? 0.6 : spec.isOverlaid ? 0.55 : 1 },
    emphasis: { disabled: true }, sampling: type === "line" && one.points.length > 2000 ? "lttb" : undefined, large: one.isScatter && one.points.length > 2000,
    ...(index === 0 ? lines(spec) : {}),
  };
}

const LABEL = 24; // characters of a mark's label: more would reach out of the chart
const cut = (text) => (text.length > LABEL ? `${text.slice(0, LABEL - 1)}…` : text);
const CLOSE = 1 / 30; // of the range: marks nearer to each other have one label

/** The marks, in order; those that are close to each other are one. */
function apart(spec) {
  const xs = spec.series.flatMap((one) => one.points.map(([at]) => at));
  const range = xs.length ? xs.reduce((most, at) => Math.max(most, at)) - xs.reduce((least, at) => Math.min(least, at)) : 0;
  const found = [];
  for (const mark of [...(spec.marks ?? [])].sort((one, other) => one.at - other.at)) {
    const last = found.at(-1);
    if (last && mark.at - last.at < range * CLOSE) last.name += last.name.includes(mark.name) ? "" : `, ${mark.name}`;
    else found.push({ ...mark });
  }
  return found;
}

/** Limits across, and events such as promotions from top to bottom. */
function lines(spec) {
  const limits = (spec.limits ?? []).map((one) => ({ [one.isX ? "xAxis" : "yAxis"]: one.value, name: one.name, lineStyle: { color: style("--bad"), type: "dashed", width: 1 }, label: { formatter: one.name, position: one.isX ? "insideEndTop" : "insideStartTop", color: style("--bad"), fontSize: 11 } }));
  const marks = apart(spec).map((one) => ({ xAxis: one.at, name: one.name, lineStyle: { color: style("--four"), type: "solid", width: 1 }, label: { formatter: cut(one.name), position: "insideEndTop", color: style("--four"), fontSize: 11 } }));
  return limits.length + marks.length ? { markLine: { symbol: "none", silent: true, animation: false, data: [...limits, ...marks] } } : {};
}

function shown(found, spec) {
  if (spec.isHorizontal) return found.map((one) => `${one.name}: ${spec.format(one.value[0])}`).join("\n");
  const rows = found.filter((one) => one.value?.[1] !== null && one.value?.[1] !== undefined);
  if (!rows.length) return "";
  const head = spec.isPoints ? "" : `${spec.head(rows[0].value[0])}\n`;
  return head + rows.map((one) => (spec.isPoints ? (one.value[2] ?? `${spec.head(one.value[0])}, ${one.seriesName}: ${spec.format(one.value[1])}`) : [`${one.seriesName}: ${spec.format(one.value[1])}`, ...(one.value[2] ?? [])].join("\n"))).join("\n");
}

function spoken(points, format) {
  const known = points.map(([, value]) => value).filter((value) => value !== null && value !== undefined);
  return known.length ? `newest ${format(known.at(-1))}, highest ${format(known.reduce((one, other) => Math.max(one, other)))}` : "no values yet";
}

/** Draw all charts again after a change of theme; drop those no longer on the page. */
export function redraw() {
  for (const [key, one] of charts) {
    if (one.element.isConnected) one.plot?.setOption(one.option(), { replaceMerge: ["series"] });
    else drop(key, one);
  }
}

/** Free the charts that are no longer on the page. */
export function dropUnused() {
  for (const [key, one] of charts) if (!one.element.isConnected) drop(key, one);
}

function drop(key, one) {
  one.size?.disconnect();
  one.plot?.dispose();
  charts.delete(key);
}

/** A line of values in a table's cell, from 0 to 1, without axes; `words` is its text. */
export function sparkline(values, words) {
  const width = 84, height = 20;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(height - 2 - value * (height - 4)).toFixed(1)}`);
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const set = { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": words };
  for (const [name, value] of Object.entries(set)) drawing.setAttribute(name, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", values.length > 1 ? "polyline" : "circle");
  if (values.length > 1) path.setAttribute("points", points.join(" "));
  else for (const [name, value] of Object.entries({ cx: width / 2, cy: height - 2 - (values[0] ?? 0) * (height - 4), r: 2 })) path.setAttribute(name, value);
  drawing.append(path);
  return drawing;
}
