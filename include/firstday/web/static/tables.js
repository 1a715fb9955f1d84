// One table of the lake: what it is, its columns, how fresh it is, what it is made from, who reads it, and a sample.

import * as api from "./api.js";
import { timeChart } from "./charts.js";
import { bytes, card, count, counted, empty, h, mono, quiet, tile, time } from "./dom.js";
import { steps } from "./lineage.js";
import { address } from "./route.js";
import { table } from "./table.js";

export async function tablePage(useCase, name) {
  const [found, lineage] = await Promise.all([api.get(useCase.name, `lake/tables/${encodeURIComponent(name)}`), api.get(useCase.name, "lake/lineage")]);
  const columns = [
    { id: "name", title: "Column", cell: (row) => mono(row.name) },
    { id: "type", title: "Type", cell: (row) => mono(row.type) },
    { id: "about", title: "Meaning" },
    { id: "is_personal", title: "Shown", value: (row) => (row.is_personal ? "never, may be personal" : "yes") },
  ];
  const sql = `select *\nfrom ${found.name}\nlimit 100`;
  return [
    h("p", {}, h("a", { href: address("lake") }, "← Lake")),
    h("h2", { class: "mono wrap" }, found.name),
    h("p", {}, found.description || "No description."),
    h(
      "div",
      { class: "tiles" },
      found.is_view ? tile("Kind", "view", "computed when it is read") : tile("Rows", count(found.rows), `${bytes(found.bytes)} in ${counted(found.files, "Parquet file")}`),
      tile("Latest micro-batch", count(found.last_batch), found.changed_at ? h("span", {}, "committed ", time(found.changed_at)) : "not by micro-batch"),
      tile("Read by", count(found.read_by.length), found.read_by.length === 1 ? "package of statements" : "packages of statements"),
      tile("Query", h("a", { href: address(["lake", "query"], { sql }) }, "in the workbench"), "read-only"),
    ),
    overTime(found),
    h("div", { class: "cards" }, card("Columns", table("columns", `Columns of ${found.name}`, columns, found.columns)), card("Made from and used for", steps(lineage, found.name)), card("Statements that read it", found.read_by.length ? h("ul", {}, found.read_by.map((one) => h("li", {}, mono(`sql/${one}`)))) : empty("No statement of a stage reads it.")), sample(found)),
  ].filter(Boolean);
}

/** Rows of a table by the micro-batch that stored or changed them last. */
function overTime({ name, batches }) {
  if (!batches.length) return null;
  const points = batches.map((one) => [new Date(one.committed_at).getTime(), one.rows]);
  const title = `Rows by micro-batch, latest ${batches.length}`;
  return h("section", { class: "card" }, timeChart(`rows-of-${name}`, title, { series: [{ name: "rows", points }], y: "rows", format: count, min: 0, note: "By the micro-batch that stored a row, or changed it last." }));
}

function sample(found) {
  if (!found.sample.length) return card("Sample", empty("No rows."));
  const columns = Object.keys(found.sample[0]).map((name) => ({ id: name, title: name, number: typeof found.sample[0][name] === "number" }));
  return card("Sample", quiet("Rows of the latest micro-batch, without columns that may be personal."), table("sample", `Rows of ${found.name}`, columns, found.sample));
}
