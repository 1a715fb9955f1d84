// What is shown is the address: #use_case/room/part?name=value. In Airflow's frame, the outer address follows it.

const FRAME = "/plugin/firstday";

/** The place in the address: use case and room, null where there is none, further parts, and the query. */
export function place(rooms) {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  const useCase = parts.length && !rooms.includes(parts[0]) ? parts.shift() : null;
  const room = rooms.includes(parts[0]) ? parts.shift() : null;
  return { useCase, room, parts, query: new URLSearchParams(query) };
}

// Rooms that can be seen as of an earlier snapshot, by the value `at` of the query.
const TIMED = ["overview", "users", "model", "lake"];

/** The snapshot that the room is shown as of, null for now. */
export function snapshot() {
  const { room } = place(TIMED.concat("drift", "experiments", "api"));
  return TIMED.includes(room) ? asked("at") : null;
}
export const isTimed = (room) => TIMED.includes(room);

let useCase = "";
export const setUseCase = (name) => (useCase = name);

/** The address of a place in the current use case. Empty values of the query are left out. */
export function address(path, query = {}) {
  const kept = isTimed([path].flat()[0]) ? { at: snapshot() } : {};
  const set = Object.entries({ ...kept, ...query }).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const words = new URLSearchParams(set).toString();
  return `#${[useCase, ...[path].flat()].map(encodeURIComponent).join("/")}${words ? `?${words}` : ""}`;
}

export function go(path, query = {}) {
  location.hash = address(path, query);
}

/** One value of the query. */
export const asked = (name) => new URLSearchParams(location.hash.split("?")[1] ?? "").get(name);

/** Change values of the query in place, without a step in the browser's history; null removes one. */
export function ask(changes) {
  const [path, query = ""] = location.hash.split("?");
  const values = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === undefined || value === "") values.delete(name);
    else values.set(name, value);
  }
  const words = values.toString();
  history.replaceState(history.state, "", `${path || "#"}${words ? `?${words}` : ""}`);
  mirror();
}

/** Show this frame's place in the address of the window around it, so that it can be shared and reloaded. */
export function mirror() {
  if (window.parent === window) return;
  const outer = window.parent;
  const begin = outer.location.pathname.indexOf(FRAME);
  if (begin < 0) return;
  const path = outer.location.pathname.slice(0, begin) + FRAME + location.pathname;
  outer.history.replaceState(outer.history.state, "", path + location.search + location.hash);
}
