// The API under this page. A failed answer becomes an Error that says what the server said.

const base = new URL("api/", document.baseURI);

async function ask(url, options = {}) {
  const answer = await fetch(url, { credentials: "same-origin", ...options });
  if (answer.ok) return answer.json();
  if (answer.status === 401) throw new Error("The session has ended: sign in to Airflow again.");
  const said = await answer.json().catch(() => ({}));
  throw new Error(typeof said.detail === "string" ? said.detail : `${answer.status} ${answer.statusText}`);
}

export const useCases = () => ask(new URL("use_cases", base));
export const openapi = () => ask(new URL("openapi.json", base));
export const address = (useCase, path) => new URL(`${encodeURIComponent(useCase)}/${path}`, base);
export const get = (useCase, path) => ask(address(useCase, path));

/** Start a run through Airflow's own API, so that its rights and its log apply. */
export function trigger(dagId, conf) {
  return ask(new URL(`../api/v2/dags/${encodeURIComponent(dagId)}/dagRuns`, document.baseURI), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ logical_date: null, conf }),
  });
}
