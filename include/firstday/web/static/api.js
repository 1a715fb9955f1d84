// Client of the API under this page. A failed request throws an Error with the server's message.

import { snapshot } from "./route.js";

const base = new URL("api/", document.baseURI);

async function request(url, options = {}) {
  const answer = await fetch(url, { credentials: "same-origin", ...options });
  if (answer.ok) return answer.json();
  if (answer.status === 401) throw new Error("Your session has expired. Sign in to Airflow again.");
  const body = await answer.json().catch(() => ({}));
  throw new Error(typeof body.detail === "string" ? body.detail : `${answer.status} ${answer.statusText}`);
}

export const useCases = () => request(new URL("use_cases", base));
export const openapi = () => request(new URL("openapi.json", base));
const writing = (useCase, path) => new URL(`${encodeURIComponent(useCase)}/${path}`, base);

/** The address of something to read, as of the snapshot that is shown. */
export function address(useCase, path) {
  const url = writing(useCase, path);
  if (snapshot() !== null) url.searchParams.set("at", snapshot());
  return url;
}
export const get = (useCase, path) => request(address(useCase, path));

/** Post JSON; a `signal` cancels it. */
export function post(useCase, path, body, signal) {
  return request(writing(useCase, path), { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal });
}

/** Start a run through Airflow's own API, so that its permissions and audit log apply. */
export function trigger(dagId, conf) {
  return request(new URL(`../api/v2/dags/${encodeURIComponent(dagId)}/dagRuns`, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ logical_date: null, conf }),
  });
}
