// API room: a form for predict, how to authenticate, and all requests of the API's own OpenAPI document.

import * as api from "./api.js";
import { card, copyButton, empty, h, percent, quiet, wide } from "./dom.js";
import { groups, request } from "./openapi.js";
import { points, reason } from "./words.js";

export async function reference(useCase) {
  if (document.getElementById("predict-body")?.dataset.useCase === useCase.name) return [...document.getElementById("main").children]; // nothing here is updated
  const schema = await api.openapi();
  const root = new URL(".", document.baseURI);
  const login = `TOKEN=$(curl -s ${root.origin}/auth/token -H 'Content-Type: application/json' \\
  -d '{"username": "…", "password": "…"}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')`;
  const snippet = `import requests

token = requests.post("${root.origin}/auth/token", json={"username": "…", "password": "…"}).json()["access_token"]
answer = requests.post("${root}api/${useCase.name}/predict", json={"user_id": "…"}, headers={"Authorization": f"Bearer {token}"})
print(answer.json()["probability"], answer.json()["reasons"])`;
  return [h("div", { class: "cards" }, prediction(useCase, snippet), authentication(login), requests(schema, useCase, root))];
}

function authentication(login) {
  return card(
    "Authentication",
    quiet("Each request needs a token of Airflow. Users who may see the runs of process_events may read; users who may trigger it may also post. Access follows Airflow's permissions."),
    h("pre", { class: "mono scroll", tabindex: "0" }, login),
    copyButton(login, "Copy the command"),
    h("p", {}, h("a", { href: "api/openapi.json", download: "firstday-openapi.json" }, "Download the OpenAPI document")),
  );
}

/** All requests by group, with a filter by path and description. */
function requests(schema, useCase, root) {
  const made = groups(schema).map(([title, found]) => h("section", {}, h("h3", {}, title), found.map((one) => request(schema, useCase, root, one))));
  const filter = h("input", { id: "requests-find", type: "search", placeholder: "Filter", "aria-label": "Filter requests", autocomplete: "off" });
  filter.addEventListener("input", () => {
    const text = filter.value.trim().toLowerCase();
    for (const section of made) {
      const shown = [...section.querySelectorAll("details")].filter((one) => !(one.hidden = !one.firstChild.textContent.toLowerCase().includes(text)));
      section.hidden = !shown.length;
    }
  });
  return wide("Requests", h("div", { class: "tablebar" }, filter), made);
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
