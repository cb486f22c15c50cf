// How fresh the index is: one request waits for the next change, for as long as the page can be seen.

import { ago, byId, counted, element } from "./elements.js";
import { index } from "./service.js";

const WAIT_MS = 25_000;
const LEAST_MS = 500; // between two questions, where the service does not wait
const RETRY_MS = [500, 1_000, 2_000, 5_000];

const place = byId("freshness");
let facts = null; // null while the service cannot be asked
let clockAhead = 0; // of the service's clock to ours, in milliseconds
let waiting = new AbortController();

// Calls `changed(facts)` at first and whenever the index has changed, `lost(error)` when it cannot be asked any more;
// where that answers a promise, it is asked again when that is kept.
export async function follow({ changed, lost }) {
  setInterval(show, 1_000);
  document.addEventListener("visibilitychange", () => document.hidden && waiting.abort());
  for (let failures = 0; ; ) {
    await visible();
    waiting = new AbortController();
    try {
      const asked = Date.now();
      const now = await index({ after: facts?.changed_at, wait: facts && WAIT_MS }, waiting.signal);
      const isNew = now.version !== facts?.version || now.changed_at !== facts?.changed_at;
      clockAhead = Date.parse(now.now) - Date.now();
      facts = now;
      failures = 0;
      show();
      if (isNew) changed(facts);
      else await pause(asked + LEAST_MS - Date.now());
    } catch (error) {
      if (error.name === "AbortError") continue;
      facts = null;
      show();
      const help = lost(error);
      await (help ?? pause(RETRY_MS[failures]));
      failures = help ? 0 : Math.min(failures + 1, RETRY_MS.length - 1);
    }
  }
}

// Asks at once, as if nothing were known.
export function ask() {
  facts = null;
  show();
  waiting.abort();
}

function pause(milliseconds) {
  return new Promise((go) => setTimeout(go, milliseconds));
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((go) => document.addEventListener("visibilitychange", go, { once: true }));
}

function show() {
  const parts = facts ? told() : [];
  const text = parts.map((part) => part.textContent ?? part).join("");
  if (place.textContent === text) return;
  place.title = facts ? `Index ${facts.index}, version ${facts.version}` : "";
  place.replaceChildren(...parts);
}

function told() {
  const documents = counted(facts.documents, "document");
  if (!facts.newest_event_at) return [documents];
  const seconds = (Date.now() + clockAhead - Date.parse(facts.newest_event_at)) / 1000;
  return [`${documents} · newest event `, element("time", { datetime: facts.newest_event_at }, ago(seconds))];
}
