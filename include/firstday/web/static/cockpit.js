// Decision cockpit: what a threshold and costs would have meant for the users whose label is known.

import { xyChart } from "./charts.js";
import { copyButton, count, counted, empty, exact, h, number, percent, quiet, tile, wide } from "./dom.js";
import { ask, asked } from "./route.js";

const STEPS = 1000; // of the threshold

/** Users by decision and outcome at every threshold: those at or above it get the offer. */
export function decided(bins) {
  const total = bins.reduce((sum, bin) => ({ positives: sum.positives + bin.positives, negatives: sum.negatives + bin.negatives }), { positives: 0, negatives: 0 });
  const at = Array.from({ length: STEPS + 2 }, () => ({ tp: 0, fp: 0, fn: 0, tn: 0 }));
  const by = new Map(bins.map((bin) => [bin.bin, bin]));
  let tp = 0, fp = 0;
  for (let step = STEPS + 1; step >= 0; step -= 1) {
    tp += by.get(step)?.positives ?? 0;
    fp += by.get(step)?.negatives ?? 0;
    at[step] = { tp, fp, fn: total.positives - tp, tn: total.negatives - fp };
  }
  return at;
}

const cost = (one, missed, unneeded) => one.fn * missed + one.fp * unneeded;

export function cockpit(useCase, found) {
  const title = "Decision cockpit";
  if (!found.bins.length) return wide(title, empty("No labels for users scored by this version yet. A label is known some hours after the user's window ends."));
  const at = decided(found.bins);
  const body = h("div", {});
  const value = (name, standard) => (asked(name) === null ? standard : Number(asked(name)));
  const draw = () => {
    const chosen = { threshold: value("threshold", found.threshold), missed: value("missed", found.missed_user), unneeded: value("unneeded", found.unneeded_offer) };
    body.replaceChildren(...shown(useCase, found, at, chosen));
  };
  const slide = (name, title, standard, most, step, format) => {
    const output = h("output", {}, format(value(name, standard)));
    const input = h("input", { id: `cockpit-${name}`, type: "range", min: name === "threshold" ? 0 : step, max: most, step, value: value(name, standard), "aria-label": title });
    input.addEventListener("input", () => {
      output.textContent = format(Number(input.value));
      ask({ [name]: Number(input.value) === standard ? null : input.value });
      draw();
    });
    return h("label", {}, h("span", {}, `${title}: `, output), input);
  };
  draw();
  return wide(
    title,
    quiet(`Version ${found.version} on ${counted(at[0].tp + at[0].fp, "user")} whose label is known, each with their latest prediction. The costs have any unit, such as euros.`),
    h(
      "div",
      { class: "bar sliders" },
      slide("threshold", "Threshold", found.threshold, 1, 1 / STEPS, exact(3)),
      slide("missed", `Cost of a missed user (${useCase.outcome} without an offer)`, found.missed_user, Math.max(20, found.missed_user * 4), 0.5, number),
      slide("unneeded", "Cost of an unneeded offer", found.unneeded_offer, Math.max(20, found.unneeded_offer * 4), 0.5, number),
    ),
    body,
  );
}

function shown(useCase, found, at, { threshold, missed, unneeded }) {
  const one = at[Math.round(threshold * STEPS)];
  const users = at[0].tp + at[0].fp;
  const here = cost(one, missed, unneeded);
  const all = cost(at[0], missed, unneeded);
  const nobody = cost(at[STEPS + 1], missed, unneeded);
  const best = at.slice(0, STEPS + 1).reduce((least, each, step) => (cost(each, missed, unneeded) < cost(at[least], missed, unneeded) ? step : least), 0);
  const elkan = unneeded / (unneeded + missed);
  const saved = Math.min(all, nobody) - here;
  const cell = (name, value, note) => h("td", { class: "number", title: note }, count(value), h("br"), h("span", { class: "quiet" }, name));
  const matrix = h(
    "table",
    { class: "matrix" },
    h("caption", { class: "hidden" }, "Confusion matrix"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "outcome"), h("th", { scope: "col", class: "number" }, "offer"), h("th", { scope: "col", class: "number" }, "no offer"))),
    h("tbody", {}, h("tr", {}, h("th", { scope: "row" }, useCase.outcome), cell("true positives", one.tp), cell("missed", one.fn)), h("tr", {}, h("th", { scope: "row" }, `no ${useCase.outcome}`), cell("unneeded", one.fp), cell("true negatives", one.tn))),
  );
  const curve = at.slice(0, STEPS + 1).map((each, step) => [step / STEPS, cost(each, missed, unneeded) / users]);
  const level = (name, value, colour) => ({ name, points: [[0, value / users], [1, value / users]], isDashed: true, isDots: false, colour });
  const yaml = `scoring:\n  costs: {missed_user: ${number(missed)}, unneeded_offer: ${number(unneeded)}}   # threshold ${exact(3)(elkan)}`;
  return [
    h(
      "div",
      { class: "tiles" },
      tile("Cost per user", number(here / users), `offer all ${number(all / users)}, offer nobody ${number(nobody / users)}`),
      tile("Saved a day", number(saved / found.days), `against the better of offer all and offer nobody, over ${number(found.days)} ${found.days === 1 ? "day" : "days"}`),
      tile("Users contacted a day", number((one.tp + one.fp) / found.days), `${percent((one.tp + one.fp) / users)} of the users`),
      tile("Precision and recall", `${percent(one.tp / Math.max(one.tp + one.fp, 1), 0)}, ${percent(one.tp / Math.max(one.tp + one.fn, 1), 0)}`, `cheapest threshold on these users ${exact(3)(best / STEPS)}; by the costs alone ${exact(3)(elkan)}`),
    ),
    h(
      "div",
      { class: "cards two" },
      h("div", {}, h("h3", {}, "Confusion matrix"), matrix, h("h3", {}, "These costs in the use case's YAML"), h("pre", { class: "mono scroll", tabindex: "0" }, yaml), copyButton(yaml, "Copy the YAML")),
      xyChart("cost", "Cost per user by threshold", { series: [{ name: "by this model", points: curve, isDots: false }, level("offer all", all, 1), level("offer nobody", nobody, 2)], x: "threshold", y: "cost per user", xMin: 0, xMax: 1, format: number, xFormat: exact(2), limits: [{ name: "threshold", value: threshold, isX: true }], canZoom: true }),
    ),
  ];
}
