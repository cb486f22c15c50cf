// What is asked stands in the page's address, so that it can be kept, sent and gone back to.

import * as choices from "./choices.js";
import { byId } from "./elements.js";

const FIELDS = ["q", "limit", "tenant", "mode", "rerank"];
const { elements } = byId("search");
const standard = Object.fromEntries(FIELDS.map((name) => [name, value(name)]));
let isEditing = false; // whether the newest entry of the history is a question that is still being typed

export function read() {
  const parameters = new URLSearchParams(location.search);
  for (const name of FIELDS) {
    put(name, standard[name]);
    put(name, parameters.get(name) ?? standard[name]);
  }
  if (!elements.limit.value) put("limit", standard.limit); // none of the choices
  choices.read(parameters);
  isEditing = false;
  title();
}

// A question being typed is one entry of the history, however many letters it has; `isDone` ends it.
export function write({ isDone }) {
  const given = FIELDS.map((name) => [name, value(name)]).filter(([name, value]) => value !== standard[name]);
  const pairs = [...given, ...choices.all()];
  const parameters = pairs.length ? `?${new URLSearchParams(pairs)}` : "";
  if (location.search !== parameters) {
    history[isEditing ? "replaceState" : "pushState"](null, "", location.pathname + parameters);
    isEditing = true;
  }
  if (isDone) isEditing = false;
  title();
}

function value(name) {
  return elements[name].type === "checkbox" ? String(elements[name].checked) : elements[name].value;
}

function put(name, text) {
  if (elements[name].type === "checkbox") elements[name].checked = text !== "false";
  else elements[name].value = text;
}

function title() {
  const q = byId("q").value.trim();
  document.title = q ? `${q} – Freshet` : "Freshet";
}
