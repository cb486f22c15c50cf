// The most frequent values of each field, to be ticked. They move only with new counts, and never while somebody is among
// them.

import * as choices from "./choices.js";
import { brief, byId, element, number, say } from "./elements.js";

export const MOST_VALUES = 8; // of each field

const place = byId("facets");
const panel = byId("filters");
let groups = new Map(); // key → { fieldset, rows: value → row, known: values while none was chosen }
let counts = {};

export function declare() {
  groups = new Map(choices.counted().map((key) => [key, group(key)]));
  counts = {};
  place.replaceChildren(...[...groups.values()].map(({ fieldset }) => fieldset));
}

// Of a field with chosen values only those are counted; what else there is to choose must have been seen before.
export function isUnknown() {
  return [...groups].some(([key, { known }]) => !known && choices.of(key).values.length);
}

export function learn(found) {
  groups.forEach((group, key) => (group.known ??= values(found[key], key)));
  render();
}

// Of what was counted; without that, of what is chosen by now.
export function show(found) {
  counts = found ?? counts;
  if (found) groups.forEach((group, key) => choices.of(key).values.length || (group.known = values(found[key], key)));
  render({ isStill: !found });
}

function group(key) {
  const fieldset = element("fieldset", { "aria-describedby": "counts-hint" }, element("legend", {}, choices.name(key)));
  fieldset.hidden = true;
  return { fieldset, rows: new Map(), known: null };
}

// A number that JavaScript has rounded would be asked for in vain.
function values(found = [], key) {
  return found.map(({ value }) => choices.valueOf(key, value)).filter((value) => value !== null);
}

function render({ isStill = false } = {}) {
  const isBusy = isStill || panel.matches(":hover, :focus-within");
  groups.forEach((group, key) => {
    const chosen = choices.of(key).values;
    const before = isBusy ? [...group.rows.keys()] : [];
    const listed = new Set([...before, ...(group.known ?? []), ...chosen]);
    group.rows = new Map([...listed].map((value) => [value, group.rows.get(value) ?? row(key, value)]));
    fill(group.rows, counts[key], chosen);
    arrange(group.fieldset, [...group.rows.values()].map(({ label }) => label));
  });
}

// Of a chosen value that is not among all there are, there are none; of another one it is not known.
function fill(rows, found, chosen) {
  const counted = new Map((found ?? []).map(({ value, count }) => [value, number(count)]));
  rows.forEach(({ box, count }, value) => {
    box.checked = chosen.includes(value);
    const isNone = box.checked && found && counted.size < MOST_VALUES;
    say(count, counted.get(value) ?? (isNone ? "0" : ""));
  });
}

function arrange(fieldset, labels) {
  const [legend, ...shown] = fieldset.children;
  if (shown.every((each, at) => each === labels[at])) fieldset.append(...labels.slice(shown.length));
  else fieldset.replaceChildren(legend, ...labels);
  fieldset.hidden = !labels.length;
}

function row(key, value) {
  const box = element("input", { type: "checkbox" });
  const count = element("span", { class: "count" });
  box.addEventListener("change", () => choices.toggle(key, value, box.checked));
  const label = element("label", {}, box, element("span", { class: "value" }, told(value)), count);
  return { label, box, count };
}

export function told(value) {
  if (typeof value === "boolean") return value ? "yes" : "no";
  return value === "" ? "(empty)" : brief(value);
}
