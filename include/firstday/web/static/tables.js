// One table of the lake: what it is, its columns, how fresh it is, what it is made from, who reads it, and a sample.

import * as api from "./api.js";
import { card, count, empty, h, mono, quiet, tile, time } from "./dom.js";
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
      tile("Kind", found.is_view ? "view" : "table", `${count(found.columns.length)} columns`),
      tile("Latest micro-batch", count(found.last_batch), found.changed_at ? h("span", {}, "committed ", time(found.changed_at)) : "not by micro-batch"),
      tile("Read by", count(found.read_by.length), found.read_by.length === 1 ? "package of statements" : "packages of statements"),
      tile("Query", h("a", { href: address(["lake", "query"], { sql }) }, "in the workbench"), "read-only"),
    ),
    h("div", { class: "cards" }, card("Columns", table("columns", `Columns of ${found.name}`, columns, found.columns)), card("Made from and used for", steps(lineage, found.name)), card("Statements that read it", found.read_by.length ? h("ul", {}, found.read_by.map((one) => h("li", {}, mono(`sql/${one}`)))) : empty("No statement of a stage reads it.")), sample(found)),
  ];
}

function sample(found) {
  if (!found.sample.length) return card("Sample", empty("No rows."));
  const columns = Object.keys(found.sample[0]).map((name) => ({ id: name, title: name, number: typeof found.sample[0][name] === "number" }));
  return card("Sample", quiet("Rows of the latest micro-batch, without columns that may be personal."), table("sample", `Rows of ${found.name}`, columns, found.sample));
}
