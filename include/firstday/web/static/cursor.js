// The time cursor: rooms as of an earlier snapshot of the lake, which is `at` in the address.

import * as api from "./api.js";
import { h, setPresent, time } from "./dom.js";
import { ask, isTimed, snapshot } from "./route.js";

const select = document.getElementById("as-of");
const known = new Map(); // use case -> its snapshots, newest first
let chosen = () => {};

const words = (one) => `${one.committed_at.slice(0, 19).replace("T", " ")} UTC, ${one.snapshot_id}: ${one.message.slice(0, 60)}`;

/** Show the cursor of a room that has one; a line about the snapshot where it is not now. */
export async function setCursor(useCase, room, again) {
  document.getElementById("cursor").hidden = !isTimed(room);
  const at = snapshot();
  setPresent(null);
  chosen = { useCase, again };
  if (at === null) {
    select.value = "";
    return null;
  }
  const one = (known.get(useCase.name) ?? (await load(useCase))).find((each) => String(each.snapshot_id) === at);
  fill(known.get(useCase.name), at);
  if (one) setPresent(new Date(one.committed_at).getTime());
  const about = one ? [time(one.committed_at), `: ${one.message}`] : "";
  return h("div", { class: "state neutral", role: "status" }, h("strong", {}, "As of snapshot ", at), h("span", { class: "wrap" }, about), h("button", { type: "button", class: "small", id: "to-now", onclick: () => go("") }, "Back to now"));
}

async function load(useCase) {
  const found = await api.get(useCase.name, "snapshots");
  known.set(useCase.name, found);
  return found;
}

function fill(found, at) {
  const options = found.map((one) => [String(one.snapshot_id), words(one)]);
  if (at && !options.some(([id]) => id === at)) options.unshift([at, `snapshot ${at}`]);
  select.replaceChildren(...[["", "now"], ...options].map(([value, text]) => h("option", { value, selected: value === (at ?? "") }, text)));
}

function go(at) {
  ask({ at: at || null, "users.page": null });
  chosen.again();
}

select.addEventListener("focus", async () => fill(await load(chosen.useCase), snapshot()));
select.addEventListener("change", () => go(select.value));
