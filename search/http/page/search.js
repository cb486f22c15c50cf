// The page: one search at a time, the newest; again when the index has changed.

import * as access from "./access.js";
import * as address from "./address.js";
import { byId, counted, say } from "./elements.js";
import { ask, follow } from "./freshness.js";
import * as keys from "./keys.js";
import * as publishing from "./publish.js";
import * as results from "./results.js";
import { search } from "./service.js";

const TYPING_MS = 80;
const NEWS_MS = 500; // a busy index changes all the time, and nobody can read that fast
const RETRY_MS = 2_000;
const PATIENCE_MS = 250; // quick answers need no word about waiting

const form = byId("search");
const list = byId("results");
const timers = {}; // of what comes next, by its reason: typing, news, retry, patience
let facts = null; // of the index; null while they are not known
let running = null; // the AbortController of the search in flight
let isTyping = false; // and soon asks
let newsAt = 0; // when the last search for news began
let isNewsWaiting = false; // the index changed while a search was in flight

async function run({ isNews = false } = {}) {
  Object.values(timers).forEach(clearTimeout);
  running?.abort();
  running = null;
  isTyping = false;
  const tenant = needsTenant() && byId("tenant").value;
  const asked = { q: byId("q").value, limit: Number(byId("limit").value), tenant };
  const missing = whatIsMissing(asked);
  if (missing !== null) return idle(missing);
  const mine = (running = new AbortController());
  isNewsWaiting = false;
  if (isNews) newsAt = Date.now();
  list.setAttribute("aria-busy", String(!isNews));
  timers.patience = setTimeout(() => list.childElementCount || outcome("Searching…", ""), PATIENCE_MS);
  try {
    answered(await search(asked, mine.signal), isNews);
  } catch (error) {
    if (error.name !== "AbortError") failed(error);
  } finally {
    if (running === mine) done();
  }
}

// A tenant's key names it by itself.
function needsTenant() {
  return Boolean(facts?.tenants && !facts.tenant);
}

// What to tell instead of searching; null when there is nothing to tell.
function whatIsMissing({ q, tenant }) {
  if (!facts) return q.trim() ? "Waiting for the search service…" : "";
  if (needsTenant() && !tenant) return "Name the tenant whose documents you want to search.";
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
  if (access.isRefusal(error)) return forget();
  const willHeal = error.status === 0 || error.status === 429 || error.status >= 500;
  if (!willHeal) results.clear();
  outcome("", "");
  notice(error.message, willHeal);
  if (willHeal) timers.retry = setTimeout(run, RETRY_MS);
}

// What a key has shown is not for whoever uses the next one.
function forget() {
  clear();
  ask();
}

function clear() {
  Object.values(timers).forEach(clearTimeout);
  running?.abort();
  facts = null;
  results.clear();
  outcome("", "");
  notice("");
}

function done() {
  running = null;
  clearTimeout(timers.patience);
  list.setAttribute("aria-busy", "false");
  if (isNewsWaiting) news();
}

// The index has changed: search again, but never instead of a search that is under way or about to begin.
function news() {
  if (running) isNewsWaiting = true;
  if (running || isTyping) return;
  clearTimeout(timers.news);
  timers.news = setTimeout(() => run({ isNews: true }), Math.max(0, newsAt + NEWS_MS - Date.now()));
}

function outcome(text, took) {
  say(byId("said"), text);
  say(byId("took"), took);
}

function notice(text, again = false) {
  say(byId("notice"), again ? `${text.replace(/\.?$/, ".")} Trying again…` : text);
  byId("notice").hidden = !text;
}

function typed() {
  address.write({ isDone: false });
  isTyping = true;
  clearTimeout(timers.typing);
  clearTimeout(timers.news);
  timers.typing = setTimeout(run, TYPING_MS);
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
access.listen({ forget });
publishing.listen({ tenant: () => byId("tenant").value });
address.read();
follow({
  changed(now) {
    const isFirst = !facts;
    facts = now;
    access.open();
    byId("tenant-field").hidden = !needsTenant();
    publishing.offer(facts);
    if (isFirst) run();
    else news();
  },
  lost(error) {
    facts = null;
    if (!access.isRefusal(error)) return notice(error.message, true);
    clear();
    return access.ask(error);
  },
});
