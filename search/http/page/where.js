// Where one document is: a small form that asks, and what the service tells of it.

import { byId, counted, element, number, say } from "./elements.js";
import { locate } from "./service.js";

const STAGES = {
  queued: "waiting to be fetched",
  decode: "reading",
  plan: "comparing and cutting",
  embed: "embedding",
  write: "writing",
};
const form = byId("where-form");
const said = byId("where-said");
const told = byId("where-told");
let facts = null;
let asking = 0; // numbers the questions, for only the last one's answer is shown

export function offer(now) {
  facts = now;
  byId("where").hidden = false;
}

// What a key has shown is not for whoever uses the next one.
export function forget() {
  asking += 1;
  byId("where").hidden = true;
  byId("where-id").value = "";
  clear("");
}

// `tenant()` is the one that is searched.
export function listen({ tenant }) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const id = byId("where-id").value.trim();
    const mine = (asking += 1);
    if (!id) return clear("Which document? Give its id.");
    clear("Looking…");
    try {
      const found = await locate(id, facts.tenants && !facts.tenant ? tenant() : null);
      if (mine === asking) show(found);
    } catch (error) {
      if (mine === asking) clear(error.message);
    }
  });
}

function clear(text) {
  say(said, text);
  told.replaceChildren();
}

function show(found) {
  say(said, found.told.join("\n")); // of which some end with a command
  const rows = found.indexed ? details(found.indexed) : [];
  told.replaceChildren(...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
}

function details({ event, model, passages, vectors, cost_usd, stages }) {
  const producer = Object.entries(event.producer).map(([name, value]) => `${name}: ${value}`);
  return [
    ["Event", event.event],
    ["Producer", producer.join(", ")],
    ["Passages", vectors ? `${number(passages)} (${ways(vectors)})` : number(passages)],
    ["Embedded", vectors ? paid(vectors, cost_usd) : ""],
    ["Model", model],
    ["Time", stages ? times(stages) : ""],
  ].filter(([, value]) => value);
}

function ways({ embedded, cached, taken_over, kept }) {
  const all = { embedded, "from the cache": cached, "with the vector that it had": taken_over, unchanged: kept };
  const some = Object.entries(all).filter(([, count]) => count);
  return some.map(([way, count]) => `${number(count)} ${way}`).join(", ") || "none";
}

function paid({ tokens }, cost) {
  return cost === null ? counted(tokens, "token") : `${counted(tokens, "token")} for $${cost.toFixed(6)}`;
}

function times(stages) {
  return Object.entries(STAGES)
    .filter(([stage]) => stages[stage] !== null)
    .map(([stage, name]) => `${name} ${seconds(stages[stage])}`)
    .join(", ");
}

function seconds(value) {
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${number(Math.round(value * 10) / 10)} s`;
}
