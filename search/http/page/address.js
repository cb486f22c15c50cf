// What is asked stands in the page's address, so that it can be kept, sent and gone back to.

import { byId } from "./elements.js";

const FIELDS = ["q", "limit", "tenant"];
const standard = Object.fromEntries(FIELDS.map((name) => [name, byId(name).value]));
let isEditing = false; // whether the newest entry of the history is a question that is still being typed

export function read() {
  const parameters = new URLSearchParams(location.search);
  for (const name of FIELDS) byId(name).value = parameters.get(name) ?? standard[name];
  if (!byId("limit").value) byId("limit").value = standard.limit; // none of the choices
  isEditing = false;
  title();
}

// A question being typed is one entry of the history, however many letters it has; `isDone` ends it.
export function write({ isDone }) {
  const given = FIELDS.map((name) => [name, byId(name).value]).filter(([name, value]) => value !== standard[name]);
  const parameters = given.length ? `?${new URLSearchParams(given)}` : "";
  if (location.search !== parameters) {
    history[isEditing ? "replaceState" : "pushState"](null, "", location.pathname + parameters);
    isEditing = true;
  }
  if (isDone) isEditing = false;
  title();
}

function title() {
  const q = byId("q").value.trim();
  document.title = q ? `${q} – Freshet` : "Freshet";
}
