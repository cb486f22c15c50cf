// The filters: what there is to choose from, what is chosen, and how many documents that leaves.

import * as chips from "./chips.js";
import * as choices from "./choices.js";
import { byId } from "./elements.js";
import * as facets from "./facets.js";
import * as ranges from "./ranges.js";
import { search } from "./service.js";

const panel = byId("filters");
const desk = matchMedia("(min-width: 80rem)"); // as in the style sheet
let state = ""; // that the counts are of
let tenantBefore; // whose values are listed
let refusedBy = null; // the version of the index that counts nothing yet

export function offer({ fields }) {
  if (!choices.declare(fields)) return;
  uncount();
  ranges.declare();
  panel.hidden = !(choices.counted().length || choices.ranged().length);
}

// The values of one tenant are not those of another.
export function show({ tenant }) {
  if (tenant !== tenantBefore) uncount();
  tenantBefore = tenant;
  chips.show();
  facets.show();
  ranges.show();
}

// What one key has shown is not for whoever uses the next.
export function forget() {
  choices.forget();
  uncount();
  ranges.declare();
  chips.show();
  panel.hidden = true;
}

// What to ask for so that the counts are those of what is asked; null where they are. They know nothing of the question.
export function uncounted(facts, asked) {
  if (!choices.counted().length || facts.version === refusedBy || state === stateOf(facts, asked)) return null;
  return { facets: choices.counted(), facet_limit: facets.MOST_VALUES };
}

export function count(facts, asked, answer) {
  if (!asked.facets) return;
  state = stateOf(facts, asked);
  facets.show(answer.facets);
}

// A field that was declared a moment ago may not be counted yet; that must not keep anybody from searching.
export function refused(facts) {
  refusedBy = facts.version;
}

// Of a field with chosen values only those are counted: what else there is to choose is asked for once.
export async function learn({ version }, { tenant }, signal) {
  if (!facets.isUnknown() || version === refusedBy) return;
  const all = { query: "", filters: {}, limit: 1, facets: choices.counted(), facet_limit: facets.MOST_VALUES };
  try {
    facets.learn((await search({ ...all, tenant }, signal)).facets);
  } catch {} // the search beside it tells what is wrong
}

// `changed()` is called when something is no longer chosen.
export function listen({ changed }) {
  chips.listen({ changed, clear });
  desk.addEventListener("change", open);
  open();
}

function uncount() {
  state = "";
  facets.declare();
}

function clear() {
  choices.clear();
  ranges.clear();
}

function open() {
  panel.open = desk.matches;
}

function stateOf({ version, changed_at }, { filters = null, tenant = "" }) {
  return JSON.stringify([version, changed_at, filters, tenant]);
}
