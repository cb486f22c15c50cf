// A small form that publishes one document, where the service may.

import { byId, element, say } from "./elements.js";
import { publish } from "./service.js";

const form = byId("publish");
const told = byId("published");
let facts = null;
let isBusy = false;

export function offer(now) {
  facts = now;
  byId("publishing").hidden = !facts.publishing;
  byId("version-field").hidden = facts.order !== "version";
}

// `tenant()` is the one that is searched.
export function listen({ tenant }) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (isBusy) return;
    forget();
    const { id, title, text, version } = Object.fromEntries(new FormData(form));
    if (!id.trim()) return mistake({ field: "id", message: "A document needs an id." });
    if (!/^(0|[1-9]\d*)?$/.test(version)) return mistake({ field: "version", message: "This is no whole number." });
    const document = { title, text, ...(facts.tenants && !facts.tenant && { tenant: tenant() }) };
    isBusy = true;
    say(told, "Publishing…");
    try {
      const { token } = await publish(id.trim(), document, version);
      say(told, `Published: ${id.trim()} is in the log at ${token}.`);
    } catch (error) {
      error.fields?.forEach(mistake);
      say(told, error.message);
    } finally {
      isBusy = false;
    }
  });
}

function mistake({ field, message }) {
  const input = form.elements[field];
  if (!input) return;
  const id = `${input.id}-mistake`;
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", id);
  input.after(element("p", { id, class: "mistake" }, message));
  form.querySelector("[aria-invalid]").focus();
}

function forget() {
  say(told, "");
  form.querySelectorAll(".mistake").forEach((each) => each.remove());
  form.querySelectorAll("[aria-invalid]").forEach((input) => {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  });
}
