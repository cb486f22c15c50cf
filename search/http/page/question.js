// What is asked, as it stands in the form.

import { filter } from "./choices.js";
import { byId } from "./elements.js";

const form = byId("search");

// The parts of the form that are there only for some services.
export function offer(facts) {
  byId("tenant-field").hidden = !needsTenant(facts);
  byId("rerank-field").hidden = !facts.reranking;
}

export function asked(facts) {
  const filters = filter();
  return {
    query: byId("q").value.trim(),
    limit: Number(byId("limit").value),
    mode: form.elements.mode.value,
    explain: true,
    ...(facts?.reranking && { rerank: byId("rerank").checked }),
    ...(filters && { filters }),
    ...(needsTenant(facts) && { tenant: byId("tenant").value }),
  };
}

// What to tell instead of searching; null when there is nothing to tell.
export function missing(facts, { query, filters, tenant }) {
  if (!facts) return query || location.search ? "Waiting for the search service…" : "";
  if (tenant === "") return "Name the tenant whose documents you want to search.";
  if (query || filters) return null;
  return facts.documents ? "Ask a question, or describe what you are looking for." : "Nothing is indexed yet.";
}

// A tenant's key names it by itself.
function needsTenant(facts) {
  return Boolean(facts?.tenants && !facts.tenant);
}
