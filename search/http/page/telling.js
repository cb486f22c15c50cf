// What is told of a search, beside the documents: how many there are, what was changed or left out, what went wrong.

import { byId, counted, say } from "./elements.js";

const WITHOUT = {
  rerank_off: "Answered without the reranker: it could not be had when the service started.",
  rerank_late: "Answered without the reranker: it was late.",
  rerank_failed: "Answered without the reranker: it is away or busy.",
  changes_unknown: "How fresh this is cannot be said: the service does not follow the changes of the index now.",
  not_fresh: "This may not show yet what was just published.",
};

export function outcome(text, took = "") {
  say(byId("said"), text);
  say(byId("took"), took);
}

export function answered({ query, results, took_ms, degraded }) {
  notice("");
  const found = results.length ? counted(results.length, "document") : "Nothing was found.";
  outcome(query.text || !results.length ? found : `Newest first: ${found}`, ` in ${took_ms.toFixed(0)} ms`);
  say(byId("degraded"), degraded.map((word) => WITHOUT[word] ?? `Answered without all of it: ${word}.`).join(" "));
  say(byId("changed"), query.text && query.steps.length ? `Asked as “${query.text}”: ${list(query.steps)}.` : "");
}

// Nothing is known of an answer any more.
export function nothing() {
  outcome("");
  for (const id of ["degraded", "changed"]) say(byId(id), "");
}

export function notice(text, again = false) {
  say(byId("notice"), again ? `${text.replace(/\.?$/, ".")} Trying again…` : text);
  byId("notice").hidden = !text;
}

function list(steps) {
  return steps.map(({ meaning }) => meaning).join("; ");
}
