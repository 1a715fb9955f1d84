// API tab: the requests, from the API's own OpenAPI document.

import * as api from "./api.js";
import { empty, h, mono } from "./dom.js";
import { table } from "./table.js";

export async function reference(useCase) {
  const schema = await api.openapi();
  const root = new URL(".", document.baseURI);
  const rows = Object.entries(schema.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, about]) => ({ path: path.replace("{use_case}", useCase.name), method, about })));
  const columns = [
    { id: "request", title: "Request", value: (row) => `${row.method.toUpperCase()} ${root.pathname}${row.path.slice(1)}`, cell: (row) => mono(`${row.method.toUpperCase()} ${root.pathname}${row.path.slice(1)}`) },
    { id: "parameters", title: "Parameters", value: (row) => (row.about.parameters ?? []).filter((one) => one.name !== "use_case").map((one) => one.name).join(", ") },
    { id: "description", title: "Description", value: (row) => row.about.description ?? row.about.summary },
  ];
  const origin = root.origin;
  const post = `TOKEN=$(curl -s ${origin}/auth/token -H 'Content-Type: application/json' \\
  -d '{"username": "…", "password": "…"}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
curl ${root}api/${useCase.name}/events -H "Authorization: Bearer $TOKEN" \\
  -H 'Content-Type: application/x-ndjson' -H 'Idempotency-Key: 2026-11-20-0001' --data-binary @events.ndjson`;
  return [
    h("div", { class: "cards" },
      h("section", { class: "card wide" }, h("h2", {}, "Requests"), rows.length ? table("requests", "Requests of the API", columns, rows) : empty("No requests."), h("p", {}, h("a", { href: "api/openapi.json", download: "firstday-openapi.json" }, "Download the OpenAPI document"))),
      h("section", { class: "card wide" }, h("h2", {}, "Post events"), h("p", {}, "Authenticate with an Airflow token, as for reading. Users who may trigger process_events may post events."), h("pre", { class: "mono scroll", tabindex: "0" }, post)),
    ),
  ];
}
