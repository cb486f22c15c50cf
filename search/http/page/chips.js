// What is chosen, one chip each, which removes it.

import * as choices from "./choices.js";
import { byId, element } from "./elements.js";
import { told } from "./facets.js";

const place = byId("chosen");
const list = byId("chips");
let shown = new Map(); // the id of a choice → its chip

export function show() {
  const chosen = [...choices.counted().flatMap(ticked), ...choices.ranged().flatMap(between)];
  const before = shown;
  shown = new Map(chosen.map((each) => [each.id, before.get(each.id) ?? chip(each)]));
  place.hidden = !shown.size;
  const items = [...shown.values()];
  const isSame = items.length === list.children.length && items.every((item, at) => item === list.children[at]);
  if (!isSame) list.replaceChildren(...items);
}

// `clear()` removes everything, `changed()` is called when something was removed.
export function listen({ changed, clear }) {
  list.addEventListener("click", ({ target }) => {
    const item = target.closest("li");
    const at = [...list.children].indexOf(item);
    item?.remove_();
    changed();
    focus(list.children[Math.min(at, list.children.length - 1)]?.firstChild);
  });
  byId("clear").addEventListener("click", () => {
    clear();
    changed();
    focus();
  });
}

function focus(next = byId("filters").firstElementChild) {
  next.focus();
}

function ticked(key) {
  return choices.of(key).values.map((value) => ({
    id: JSON.stringify([key, value]),
    text: `${choices.name(key)}: ${told(value)}`,
    remove: () => choices.toggle(key, value, false),
  }));
}

function between(key) {
  const { from, to } = choices.of(key);
  if (!from && !to) return [];
  const range = from && to ? `${from} to ${to}` : from ? `from ${from}` : `to ${to}`;
  const remove = () => ["from", "to"].forEach((side) => choices.bound(key, side, ""));
  return [{ id: JSON.stringify([key, from, to]), text: `${choices.name(key)}: ${range}`, remove }];
}

function chip({ text, remove }) {
  const cross = element("span", { "aria-hidden": "true" }, " ×");
  const button = element("button", { type: "button", "aria-label": `Remove the filter ${text}` }, text, cross);
  return Object.assign(element("li", {}, button), { remove_: remove });
}
