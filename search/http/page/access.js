// Asks for a key where the service does, and for another where it is not good for searching.

import { byId, say } from "./elements.js";
import { hasKey, keep } from "./service.js";

const form = byId("access");
const input = byId("key");
const PARTS = ["search", "notice", "results", "said", "took"]; // what is of no use without a key
let go = null; // ends the wait for a key

export function isRefusal({ status }) {
  return status === 401 || status === 403;
}

// Resolves when somebody has given a key, which may be as wrong as the last one.
export function ask(error) {
  tell(error.status === 401 && !hasKey() ? "" : error.status === 401 ? "The service does not know this key." : error.message);
  keep(null);
  show(true);
  input.focus();
  return new Promise((resolve) => (go = resolve));
}

// The key is good: what it opens can be used. `forget()` is called for whoever wants to use another.
export function open() {
  show(false);
  byId("forget").hidden = !hasKey();
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
  for (const id of PARTS) byId(id).hidden = isAsked;
  if (isAsked) byId("publishing").hidden = byId("forget").hidden = true;
}
