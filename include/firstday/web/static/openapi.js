// The requests of an OpenAPI document: by group, each with parameters, body, responses, and curl with the reader's address.

import { copyButton, h, mono, prose, quiet } from "./dom.js";

const PREFIX = "/api/{use_case}/";
const GROUPS = [
  ["State", ["use_cases", "status", "activity", "metrics"]],
  ["Users and predictions", ["users", "predictions", "predict"]],
  ["Model", ["model"]],
  ["Drift and performance", ["alerts", "drift"]],
  ["Experiments", ["experiments"]],
  ["Events and lake", ["events", "rejected", "lake", "snapshots", "query"]],
];
const OTHERS = "Others";

/** Groups of requests `[[title, [request]]]`, in the order of the page's rooms. */
export function groups(schema) {
  const found = new Map([...GROUPS.map(([title]) => title), OTHERS].map((title) => [title, []]));
  for (const [path, methods] of Object.entries(schema.paths)) {
    const part = path.replace(PREFIX, "").replace("/api/", "").split(/[/.]/)[0];
    const title = GROUPS.find(([, parts]) => parts.includes(part))?.[0] ?? OTHERS;
    for (const [method, about] of Object.entries(methods)) found.get(title).push({ path, method, about });
  }
  return [...found].filter(([, requests]) => requests.length);
}

/** One request, folded; what it holds is built when it is unfolded. */
export function request(schema, useCase, root, { path, method, about }) {
  const address = `${root}${path.slice(1).replace("{use_case}", useCase.name)}`;
  const name = path.startsWith(PREFIX) ? path.slice(PREFIX.length - 1) : new URL(address).pathname;
  const summary = h("summary", {}, h("span", { class: `method mono ${method}` }, method.toUpperCase()), mono(name), " ", h("span", { class: "quiet" }, prose((about.description ?? about.summary).split("\n\n")[0])));
  const element = h("details", { id: `request-${method}-${path}`, class: "request" }, summary);
  element.addEventListener("toggle", () => element.childElementCount === 1 && element.append(...inside(schema, useCase, address, method, about)));
  return element;
}

function inside(schema, useCase, address, method, about) {
  const parameters = (about.parameters ?? []).filter((one) => one.name !== "use_case");
  const rest = (about.description ?? "").split("\n\n").slice(1);
  const command = curl(schema, address, method, about, parameters);
  const body = Object.entries(about.requestBody?.content ?? {});
  return [
    ...rest.map((text) => quiet(prose(text))),
    parameters.length ? fields("Parameters", parameters.map((one) => ({ name: one.name, type: `${type(one.schema)}, in the ${one.in}`, about: [one.description ?? one.schema.description, preset(one.schema)], isRequired: one.required }))) : null,
    ...body.flatMap(([kind, one]) => described(schema, `Body, ${kind}`, one.schema)),
    ...Object.entries(about.responses).flatMap(([code, one]) => response(schema, code, one)),
    h("h4", {}, "Example"),
    h("pre", { class: "mono scroll", tabindex: "0" }, command),
    copyButton(command, "Copy the command"),
  ].filter(Boolean);
}

/** A response: all fields of a success; of an error, when it is the answer. */
function response(schema, code, { description, content }) {
  const [[kind, one] = []] = Object.entries(content ?? {});
  if (!code.startsWith("2")) return [h("p", {}, mono(code), ` ${description}`)];
  return described(schema, `Response ${code}${kind ? `, ${kind}` : ""}`, one?.schema);
}

/** A schema by its type, and the fields of all schemas that it is made of. */
function described(schema, title, shape) {
  const own = shape && Object.keys(shape).length ? type(shape) : "";
  return [h("h4", {}, title, own ? `: ${own}` : ""), ...references(schema, shape).map((name) => object(schema.components.schemas[name], name))];
}

function object(shape, name) {
  const required = new Set(shape.required ?? []);
  const rows = Object.entries(shape.properties ?? {}).map(([field, one]) => ({ name: field, type: type(one), about: [one.description, preset(one)], isRequired: required.has(field) }));
  return fields(name, rows, shape.description);
}

function fields(title, rows, about = "") {
  const cell = (column, ...content) => h("td", { "data-column": column }, h("span", {}, ...content));
  const line = (row) => h("tr", {}, cell("Name", mono(row.name), row.isRequired ? "" : h("span", { class: "quiet" }, " optional")), cell("Type", row.type), cell("Description", prose(row.about.filter(Boolean).join("; "))));
  const head = h("thead", {}, h("tr", {}, ["Name", "Type", "Description"].map((text) => h("th", { scope: "col" }, text))));
  return h("div", { class: "table fields-of" }, h("p", {}, h("strong", {}, title), about ? [" – ", prose(about)] : ""), h("table", {}, h("caption", { class: "hidden" }, title), head, h("tbody", {}, rows.map(line))));
}

const last = (reference) => reference.split("/").at(-1);
const preset = (shape) => (shape.default === undefined || shape.default === null || shape.default === "" || typeof shape.default === "object" ? "" : `default ${shape.default}`);

/** A type in words. */
export function type(shape) {
  if (shape.$ref) return last(shape.$ref);
  if (shape.anyOf) return shape.anyOf.map(type).join(" or ");
  if (shape.enum) return shape.enum.map((value) => `“${value}”`).join(", ");
  if (shape.const !== undefined) return `“${shape.const}”`;
  if (shape.type === "array") return shape.prefixItems ? `[${shape.prefixItems.map(type).join(", ")}]` : `list of ${type(shape.items ?? {})}`;
  if (shape.type === "object") return typeof shape.additionalProperties === "object" ? `object of ${type(shape.additionalProperties)}` : "object";
  return shape.format === "date-time" ? "time" : shape.type ?? "any value";
}

/** Names of the schemas that one is made of, itself first. */
function references(schema, shape, found = new Set()) {
  const visit = (value) => {
    if (value === null || typeof value !== "object") return;
    if (typeof value.$ref === "string" && !found.has(last(value.$ref))) {
      found.add(last(value.$ref));
      visit(schema.components.schemas[last(value.$ref)]);
    }
    for (const one of Object.values(value)) visit(one);
  };
  visit(shape);
  return [...found].filter((name) => schema.components.schemas[name].properties);
}

const EXAMPLES = { string: "…", integer: 1, number: 1, boolean: true };

/** A value of a schema: required fields only. */
export function example(schema, shape) {
  if (shape.$ref) return example(schema, schema.components.schemas[last(shape.$ref)]);
  if (shape.anyOf) return example(schema, shape.anyOf[0]);
  if (shape.enum) return shape.enum[0];
  if (shape.default !== undefined) return shape.default;
  if (shape.format === "date-time") return new Date(Date.now() - 3.6e6).toISOString().replace(/\.\d+/, "");
  if (shape.type === "array") return [];
  if (shape.type === "object") return Object.fromEntries(Object.entries(shape.properties ?? {}).filter(([name]) => (shape.required ?? []).includes(name)).map(([name, one]) => [name, example(schema, one)]));
  return shape.minimum ?? EXAMPLES[shape.type] ?? "…";
}

function curl(schema, address, method, about, parameters) {
  const query = parameters.filter((one) => one.in === "query" && one.required).map((one) => `${one.name}=${encodeURIComponent(example(schema, one.schema))}`);
  const url = decodeURI(address).replace(/\{(\w+)\}/g, (_, name) => name.toUpperCase()) + (query.length ? `?${query.join("&")}` : "");
  const [[kind, body] = []] = Object.entries(about.requestBody?.content ?? {});
  const isFile = body && !Object.keys(body.schema).length;
  const data = isFile ? "--data-binary @events.json" : body ? `-d '${JSON.stringify(example(schema, body.schema)).replaceAll("'", "'\\''")}'` : "";
  return [`curl '${url}' -H "Authorization: Bearer $TOKEN"`, kind ? `-H 'Content-Type: ${kind}' ${data}` : ""].filter(Boolean).join(" \\\n  ");
}
