// Names of code, in words: metrics, series, features and reasons.

import { number, words } from "./dom.js";

const NAMES = {
  median_seconds: "median", p95_seconds: "95th percentile", predictions: "users scored", rejected_share: "rejected share",
  psi: "population stability index", roc_auc: "ROC AUC", pr_auc: "PR AUC", log_loss: "log loss", brier: "Brier score",
  calibration_gap: "predicted minus observed rate", calibration_error: "calibration error", lift_at_10_percent: "lift at 10 %",
  f1: "F1", cost_per_user: "cost per user", jensen_shannon: "Jensen-Shannon distance", null_share: "share of unknown values",
};

export const named = (name) => NAMES[name] ?? words(name);

/** The name of a series of the activity. */
export const seriesName = (name, outcome) => (name === "predicted" ? `predicted ${outcome}` : named(name));

const plural = (name, value) => (value === 1 || name.endsWith("s") ? name : `${name}s`);

/** A feature's value in words, such as "55 wins" or "2.5 h since the last event". */
export function featureValue(feature, value) {
  if (value === null || value === undefined) return `${words(feature)} unknown`;
  if (typeof value === "string") return `${words(feature)} ${value}`;
  const hours = /^hours_since_(.+)$/.exec(feature);
  if (hours) return `${number(value)} h since ${hours[1] === "open" ? "the window opened" : hours[1] === "event" ? "the last event" : words(hours[1])}`;
  const recent = /^(.+)_(?:(\d+)([mhd])|last_(\d+))_(count|sum|mean|var)$/.exec(feature);
  if (recent) return `${featureValue(`${recent[1]}_${recent[5]}`, value)} in the last ${recent[4] ?? `${recent[2]} ${recent[3] === "m" ? "min" : recent[3]}`}`;
  const part = /^(.+)_(count|sum|mean|var)$/.exec(feature);
  if (!part) return `${words(feature)} ${number(value)}`;
  const [, measure, kind] = part;
  if (kind === "count") return `${number(value)} ${plural(words(measure), value)}`;
  return { sum: `${words(measure)} total ${number(value)}`, mean: `${words(measure)} mean ${number(value)}`, var: `${words(measure)} variance ${number(value)}` }[kind];
}

/** A typical value of the training set in words: a median, or the most frequent value of a category. */
export const typical = (value) => (typeof value === "number" ? `median ${number(value)}` : `most often ${value ?? "unknown"}`);

/** A reason in words: its features' values beside the typical ones of the training set. */
export function reason(one, medians = {}) {
  return one.features.map((feature, index) => featureValue(feature, one.values?.[index]) + (feature in medians ? ` (${typical(medians[feature])})` : "")).join(", ");
}

export const points = (effect) => `${effect >= 0 ? "+" : "−"}${(Math.abs(effect) * 100).toFixed(1)}`;
