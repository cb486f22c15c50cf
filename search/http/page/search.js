// The page: one search at a time, the newest; again when the index has changed.

import * as address from "./address.js";
import { byId, counted, say } from "./elements.js";
import { follow } from "./freshness.js";
import * as keys from "./keys.js";
import * as publishing from "./publish.js";
import * as results from "./results.js";
import { search } from "./service.js";

const TYPING_MS = 80;
const NEWS_MS = 500; // a busy index changes all the time, and nobody can read that fast
const RETRY_MS = 2_000;

const form = byId("search");
const list = byId("results");
let facts = null; // of the index; null while they are not known
let running = null; // the AbortController of the search in flight
let timer = 0; // of the next search
let newsAt = 0; // when the last search for news began
let isNewsWaiting = false; // the index changed while a search was in flight

async function run({ isNews = false } = {}) {
  if (isNews && running) {
    isNewsWaiting = true;
    return;
  }
  clearTimeout(timer);
  running?.abort();
  running = null;
  const asked = { q: byId("q").value, limit: Number(byId("limit").value), tenant: facts?.tenants && byId("tenant").value };
  const missing = whatIsMissing(asked);
  if (missing !== null) return idle(missing);
  const mine = (running = new AbortController());
  if (isNews) newsAt = Date.now();
  list.setAttribute("aria-busy", String(!isNews));
  try {
    answered(await search(asked, mine.signal), isNews);
  } catch (error) {
    if (error.name !== "AbortError") failed(error);
  } finally {
    if (running === mine) done();
  }
}

// What to tell instead of searching; null when there is nothing to tell.
function whatIsMissing({ q, tenant }) {
  if (!facts) return "";
  if (facts.tenants && !tenant) return "Name the tenant whose documents you want to search.";
  if (q.trim()) return null;
  return facts.documents ? "Ask a question, or describe what you are looking for." : "Nothing is indexed yet.";
}

function idle(text) {
  if (facts) results.clear();
  list.setAttribute("aria-busy", "false");
  outcome(text, "");
  if (facts) notice("");
}

function answered(answer, isNews) {
  notice("");
  results.show(answer.results, { isNews });
  const found = answer.results.length ? counted(answer.results.length, "document") : "Nothing was found.";
  outcome(found, ` in ${answer.took_ms.toFixed(0)} ms`);
}

function failed(error) {
  const willHeal = error.status === 0 || error.status >= 500;
  if (!willHeal) results.clear();
  outcome("", "");
  notice(error.message, willHeal);
  if (willHeal) timer = setTimeout(run, RETRY_MS);
}

function done() {
  running = null;
  list.setAttribute("aria-busy", "false");
  if (isNewsWaiting) news();
}

function news() {
  isNewsWaiting = false;
  clearTimeout(timer);
  timer = setTimeout(() => run({ isNews: true }), Math.max(0, newsAt + NEWS_MS - Date.now()));
}

function outcome(text, took) {
  say(byId("said"), text);
  say(byId("took"), took);
}

function notice(text, again = false) {
  say(byId("notice"), again ? `${text} Trying again…` : text);
  byId("notice").hidden = !text;
}

function typed() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    address.write({ isDone: false });
    run();
  }, TYPING_MS);
}

function decided(event) {
  event.preventDefault();
  address.write({ isDone: true });
  run();
}

form.addEventListener("input", typed);
form.addEventListener("change", decided);
form.addEventListener("submit", decided);
addEventListener("popstate", () => {
  address.read();
  run();
});
keys.listen();
publishing.listen({ tenant: () => byId("tenant").value });
address.read();
follow({
  changed(now) {
    const isFirst = !facts;
    facts = now;
    byId("tenant-field").hidden = !facts.tenants;
    publishing.offer(facts);
    if (isFirst) run();
    else news();
  },
  lost(error) {
    facts = null;
    notice(error.message, true);
  },
});
