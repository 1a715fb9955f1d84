// Champion against challenger on the same users at the same moments.

import { xyChart } from "./charts.js";
import { count, counted, empty, exact, h, percent, quiet, wide } from "./dom.js";
import { table } from "./table.js";

export function comparison(useCase, found) {
  const title = "Champion against challenger";
  if (!found.users) return wide(title, empty("Not measured. A challenger that failed a gate scores the same users as the champion, in shadow."));
  const { points, sides, champion_version: champion, challenger_version: challenger } = found;
  const { outcome } = useCase;
  const of = (name, label, colour) => ({ name, isScatter: true, colour, points: points.filter((one) => one.label === label).map((one) => [one.champion, one.challenger, `champion ${percent(one.champion)}, challenger ${percent(one.challenger)}, ${name}`]) });
  const scatter = [of("label not known yet", null, 0), of(outcome, 1, 1), of(`no ${outcome}`, 0, 2)].filter((one) => one.points.length);
  const share = (value) => percent(value, 0);
  const square = { min: 0, max: 1, xMin: 0, xMax: 1, format: share, xFormat: share, height: 280 };
  const diagonal = { name: "equal", points: [[0, 0], [1, 1]], isDashed: true, isDots: false, colour: 5 };
  const line = (key, isDots) => sides.filter((side) => side[key].length).map((side, index) => ({ name: side.side, points: side[key], isDots, colour: index }));
  const columns = [
    { id: "side", title: "Role" },
    { id: "version", title: "Version", number: true, value: (row) => (row.side === "champion" ? champion : challenger) },
    { id: "log_loss", title: "Log loss", number: true, cell: (row) => exact(3)(row.log_loss) },
    { id: "roc_auc", title: "ROC AUC", number: true, cell: (row) => exact(3)(row.roc_auc) },
  ];
  const isSure = found.advantage_low > 0 || found.advantage_high < 0;
  const conclusion = found.advantage === null
    ? "No label is known yet for users that both have scored."
    : `The challenger's advantage in log loss is ${exact(3)(found.advantage)} (95 % interval ${exact(3)(found.advantage_low)} to ${exact(3)(found.advantage_high)}): ${isSure ? (found.advantage > 0 ? "the challenger is better" : "the champion is better") : "no difference can be shown yet"}.`;
  return wide(
    title,
    quiet(`Version ${champion} and version ${challenger} on ${counted(found.users, "user")}, ${count(found.labelled)} with known labels; each user's latest prediction.`),
    h("p", {}, conclusion),
    sides.length ? table("sides", "Champion and challenger", columns, sides) : null,
    h(
      "div",
      { class: "cards three" },
      xyChart("pairs", "Probabilities of both", { series: [...scatter, diagonal], x: "champion", y: "challenger", isPoints: true, ...square, summary: `${points.length} users` }),
      line("roc").length ? xyChart("roc", "ROC", { series: [...line("roc", false), diagonal], x: "false positive rate", y: "true positive rate", ...square, summary: sides.map((side) => `${side.side}: AUC ${exact(3)(side.roc_auc)}`).join("; ") }) : null,
      line("calibration").length ? xyChart("both-calibration", "Calibration of both", { series: [...line("calibration", true), diagonal], x: "predicted", y: "observed", ...square }) : null,
    ),
  );
}
