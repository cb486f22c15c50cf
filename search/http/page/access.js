// Asks for a key where the service does, and for another where it is not good for searching.

import { byId, say } from "./elements.js";
import { hasKey, keep } from "./service.js";

const form = byId("access");
const input = byId("key");
const NO_KEY = "/problems/no-key";
const MISSING_SCOPE = "/problems/missing-scope";
let go = null; // ends the wait for a key

export function isRefusal({ type }) {
  return type === NO_KEY || type === MISSING_SCOPE;
}

// Resolves when somebody has given a key, which may be as wrong as the last one.
export function ask(error) {
  if (error.type === MISSING_SCOPE) tell(error.message);
  else tell(hasKey() ? "The service does not know this key." : "");
  keep(null);
  show(true);
  input.focus();
  return new Promise((resolve) => (go = resolve));
}

// The key is good: what it opens can be used. `forget()` is called for whoever wants to use another.
export function open() {
  const wasAsked = !form.hidden;
  show(false);
  byId("forget").hidden = !hasKey();
  if (wasAsked) byId("q").focus();
}

export function listen({ forget }) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const key = input.value.trim();
    if (!/^[\x21-\x7e]+$/.test(key)) return tell(key ? "A key has no spaces and no letters of this kind." : "Enter a key.");
    keep(key);
    tell("");
    input.value = "";
    go?.();
  });
  byId("forget").addEventListener("click", () => {
    keep(null);
    forget();
  });
}

function tell(text) {
  say(byId("key-said"), text);
  input.setAttribute("aria-invalid", String(Boolean(text)));
}

function show(isAsked) {
  form.hidden = !isAsked;
  byId("search").hidden = byId("results").hidden = isAsked;
  if (isAsked) byId("publishing").hidden = byId("forget").hidden = true;
}
