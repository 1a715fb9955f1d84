// API tab: the requests, from the API's own OpenAPI document.

import * as api from "./api.js";
import { copyButton, empty, h, mono, percent, quiet } from "./dom.js";
import { table } from "./table.js";
import { points, reason } from "./words.js";

export async function reference(useCase) {
  if (document.getElementById("predict-body")?.dataset.useCase === useCase.name) return [...document.getElementById("main").children]; // nothing here is updated
  const schema = await api.openapi();
  const root = new URL(".", document.baseURI);
  const rows = Object.entries(schema.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, about]) => ({ path: path.replace("{use_case}", useCase.name), method, about })));
  const columns = [
    { id: "request", title: "Request", value: (row) => `${row.method.toUpperCase()} ${root.pathname}${row.path.slice(1)}`, cell: (row) => mono(`${row.method.toUpperCase()} ${root.pathname}${row.path.slice(1)}`) },
    { id: "parameters", title: "Parameters", value: (row) => (row.about.parameters ?? []).filter((one) => one.name !== "use_case").map((one) => one.name).join(", ") },
    { id: "description", title: "Description", value: (row) => row.about.description ?? row.about.summary },
  ];
  const snippet = `import requests

token = requests.post("${root.origin}/auth/token", json={"username": "…", "password": "…"}).json()["access_token"]
answer = requests.post("${root}api/${useCase.name}/predict", json={"user_id": "…"}, headers={"Authorization": f"Bearer {token}"})
print(answer.json()["probability"], answer.json()["reasons"])`;
  const origin = root.origin;
  const post = `TOKEN=$(curl -s ${origin}/auth/token -H 'Content-Type: application/json' \\
  -d '{"username": "…", "password": "…"}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
curl ${root}api/${useCase.name}/events -H "Authorization: Bearer $TOKEN" \\
  -H 'Content-Type: application/x-ndjson' -H 'Idempotency-Key: 2026-11-20-0001' --data-binary @events.ndjson`;
  return [
    h("div", { class: "cards" },
      prediction(useCase, snippet),
      h("section", { class: "card wide" }, h("h2", {}, "Requests"), rows.length ? table("requests", "Requests of the API", columns, rows) : empty("No requests."), h("p", {}, h("a", { href: "api/openapi.json", download: "firstday-openapi.json" }, "Download the OpenAPI document"))),
      h("section", { class: "card wide" }, h("h2", {}, "Post events"), h("p", {}, "Authenticate with an Airflow token, as for reading. Users who may trigger process_events may post events."), h("pre", { class: "mono scroll", tabindex: "0" }, post)),
    ),
  ];
}

/** Try the predict endpoint, and the same in Python. */
function prediction(useCase, snippet) {
  const field = h("input", { id: "predict-body", class: "mono", "data-use-case": useCase.name, value: JSON.stringify({ features: { [useCase.features[0]]: 1 } }), autocomplete: "off" });
  const answer = h("div", { role: "status" });
  const run = async () => {
    try {
      const found = await api.post(useCase.name, "predict", JSON.parse(field.value));
      answer.replaceChildren(h("p", {}, h("strong", {}, percent(found.probability)), ` by version ${found.model_version}: ${found.predicted ? "" : "no "}predicted ${useCase.outcome} at the threshold ${found.threshold}`), h("ul", {}, found.reasons.map((one) => h("li", {}, `${reason(one)}: ${points(one.effect)} points`))));
    } catch (error) {
      answer.replaceChildren(empty(error.message));
    }
  };
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Predict"),
    quiet("By the champion, for a user id or for features, where a missing one is unknown. Nothing is stored."),
    h("div", { class: "bar" }, h("label", { class: "grow" }, "POST predict", field), h("button", { type: "button", id: "predict", onclick: run }, "Predict")),
    answer,
    h("h3", {}, "In Python"),
    h("pre", { class: "mono scroll", tabindex: "0" }, snippet),
    copyButton(snippet, "Copy"),
  );
}
