// API room: a form for predict, how to authenticate, and all requests of the API's own OpenAPI document.

import * as api from "./api.js";
import { card, copyButton, empty, h, mono, percent, quiet, wide } from "./dom.js";
import { groups, request } from "./openapi.js";
import { points, reason } from "./words.js";

const LEAST = 0.0005; // a smaller effect would be displayed as 0.0 points

export async function reference(useCase) {
  if (document.getElementById("predict-body")?.dataset.useCase === useCase.name) return [...document.getElementById("main").children]; // nothing here is updated
  const [schema, riskiest] = await Promise.all([api.openapi(), api.get(useCase.name, "users?limit=1").catch(() => ({ users: [], medians: {} }))]);
  const root = new URL(".", document.baseURI);
  const login = `TOKEN=$(curl -s ${root.origin}/auth/token -H 'Content-Type: application/json' \\
  -d '{"username": "…", "password": "…"}' | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')`;
  const snippet = `import requests

token = requests.post("${root.origin}/auth/token", json={"username": "…", "password": "…"}).json()["access_token"]
answer = requests.post("${root}api/${useCase.name}/predict", json={"user_id": "…"}, headers={"Authorization": f"Bearer {token}"})
print(answer.json()["probability"], answer.json()["reasons"])`;
  return [h("div", { class: "cards" }, prediction(useCase, riskiest, snippet), authentication(login), requests(schema, useCase, root))];
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
  const base = `${root}api/${useCase.name}/`;
  return wide("Requests", quiet("Below ", mono(base), "; unfold one for its parameters, responses and an example."), h("div", { class: "tablebar" }, filter), made);
}

/** Try the predict endpoint, and the same in Python. */
function prediction(useCase, { users, medians }, snippet) {
  const examples = [...users.map((one) => ["For the user of the highest risk", { user_id: one.user_id }]), ["For the medians of training", { features: medians }]];
  const field = h("textarea", { id: "predict-body", class: "mono", rows: 3, spellcheck: "false", "data-use-case": useCase.name, autocomplete: "off" });
  field.value = JSON.stringify(examples[0][1]);
  const answer = h("div", { role: "status" });
  const run = async () => {
    try {
      const found = await api.post(useCase.name, "predict", parsed(field.value));
      answer.replaceChildren(h("p", {}, h("strong", {}, percent(found.probability)), ` by version ${found.model_version}: ${found.predicted ? "" : "no "}predicted ${useCase.outcome} at the threshold ${found.threshold}`), h("ul", {}, found.reasons.filter((one) => Math.abs(one.effect) >= LEAST).map((one) => h("li", {}, `${reason(one)}: ${points(one.effect)} points`))));
    } catch (error) {
      answer.replaceChildren(empty(error.message));
    }
  };
  const fill = ([title, body]) => h("button", { type: "button", class: "small", onclick: () => (field.value = JSON.stringify(body)) }, title);
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Predict"),
    quiet("By the champion, for a user id or for features, where a missing one is unknown. Nothing is stored."),
    h("label", {}, "Body of POST predict", field),
    h("div", { class: "bar" }, h("button", { type: "button", id: "predict", onclick: run }, "Predict"), examples.map(fill)),
    answer,
    h("h3", {}, "In Python"),
    h("pre", { class: "mono scroll", tabindex: "0" }, snippet),
    copyButton(snippet, "Copy"),
  );
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`body: expected JSON: ${error.message}`);
  }
}
