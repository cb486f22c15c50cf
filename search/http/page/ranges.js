// From and to, for the fields that hold numbers and times.

import * as choices from "./choices.js";
import { byId, element } from "./elements.js";

const INPUTS = {
  integer: { type: "number", step: "1" },
  float: { type: "number", step: "any" },
  datetime: { type: "date", min: "0001-01-01", max: "9999-12-31" },
};
const MISTAKES = {
  integer: "These are whole numbers of up to 15 digits.",
  float: "This is no number that can be compared exactly.",
  datetime: "This is no day.",
};

let inputs = []; // of all fields: { key, side, input, mistake }

export function declare() {
  inputs = [];
  byId("ranges").replaceChildren(...choices.ranged().map(group));
}

// What somebody is typing, and a mistake, stay as they are.
export function show() {
  for (const { key, side, input, mistake } of inputs) {
    if (input === document.activeElement) continue;
    const text = choices.of(key)[side];
    if (!text && mistake.textContent) continue;
    if (input.value !== text) input.value = text;
    tell(input, mistake, "");
  }
}

// Also what was no bound.
export function clear() {
  for (const { input, mistake } of inputs) {
    input.value = "";
    tell(input, mistake, "");
  }
}

function group(key) {
  const kind = choices.kind(key);
  const name = kind === "datetime" ? `${choices.name(key)} (days in UTC)` : choices.name(key);
  return element("fieldset", { class: "range" }, element("legend", {}, name), ...["from", "to"].flatMap((side) => field(key, side)));
}

function field(key, side) {
  const kind = choices.kind(key);
  const id = `bound-${inputs.length}`;
  const input = element("input", { id, "aria-describedby": `${id}-mistake`, ...INPUTS[kind] });
  const mistake = element("p", { id: `${id}-mistake`, class: "mistake" });
  inputs.push({ key, side, input, mistake });
  input.addEventListener("input", () => {
    const isGood = choices.bound(key, side, input.value);
    const isMistake = !isGood && Boolean(input.value || input.validity.badInput);
    tell(input, mistake, isMistake && kind !== "datetime" ? MISTAKES[kind] : "");
  });
  return [element("label", { for: id }, side === "from" ? "From" : "To"), input, mistake];
}

function tell(input, mistake, text) {
  mistake.textContent = text;
  input.setAttribute("aria-invalid", String(Boolean(text)));
}
