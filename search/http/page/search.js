// The page: one search at a time, the newest; again when the index has changed.

import * as access from "./access.js";
import * as address from "./address.js";
import { byId } from "./elements.js";
import * as filters from "./filters.js";
import { ask, follow } from "./freshness.js";
import * as keys from "./keys.js";
import * as publishing from "./publish.js";
import * as question from "./question.js";
import * as results from "./results.js";
import { search } from "./service.js";
import * as telling from "./telling.js";
import * as where from "./where.js";

const TYPING_MS = 80;
const NEWS_MS = 500; // a busy index changes all the time, and nobody can read that fast
const RETRY_MS = 2_000;
const PATIENCE_MS = 250; // quick answers need no word about waiting
const REFUSED = 502; // by a part that the service needs

const form = byId("search");
const list = byId("results");
const timers = {}; // of what comes next, by its reason: typing, news, retry, patience
let facts = null; // of the index; null while they are not known
let running = null; // the AbortController of the search in flight
let isTyping = false; // and soon asks
let newsAt = 0; // when the last search for news began
let isNewsWaiting = false; // the index changed while a search was in flight

async function run({ isNews = false } = {}) {
  stop();
  const asked = question.asked(facts);
  filters.show(asked);
  const missing = question.missing(facts, asked);
  const counting = facts && asked.tenant !== "" && filters.uncounted(facts, asked);
  if (missing !== null) idle(missing);
  if (missing === null || counting) await send({ ...asked, ...counting }, { isNews, isCounting: missing !== null });
}

// With `isCounting` nothing is looked for but what there is to choose.
async function send(asked, { isNews, isCounting }) {
  const { signal } = (running = new AbortController());
  const known = facts; // they may be others when the answer comes
  isNewsWaiting = false;
  if (isNews) newsAt = Date.now();
  if (!isCounting) wait(isNews);
  filters.learn(known, asked, signal);
  try {
    const answer = await search(isCounting ? { ...asked, filters: {}, limit: 1 } : asked, signal);
    filters.count(known, asked, answer);
    if (!isCounting) answered(answer, asked, isNews);
  } catch (error) {
    if (error.name !== "AbortError") failed(error, asked, known);
  } finally {
    if (running?.signal === signal) done();
  }
}

function stop() {
  Object.values(timers).forEach(clearTimeout);
  running?.abort();
  running = null;
  isTyping = false;
}

function wait(isNews) {
  list.setAttribute("aria-busy", String(!isNews));
  timers.patience = setTimeout(() => list.childElementCount || telling.outcome("Searching…"), PATIENCE_MS);
}

function idle(text) {
  if (facts) results.clear();
  list.setAttribute("aria-busy", "false");
  telling.nothing();
  telling.outcome(text);
  if (facts) telling.notice("");
}

function answered(answer, { tenant }, isNews) {
  const search = { query_id: answer.query_id, tenant };
  results.show(answer.results, { query: answer.query, search, isNews });
  telling.answered(answer);
}

function failed(error, asked, known) {
  if (access.isRefusal(error)) return forget();
  if (error.status === REFUSED && asked.facets) {
    filters.refused(known);
    return (timers.retry = setTimeout(run)); // without
  }
  const willHeal = error.status === 0 || error.status === 429 || error.status >= 500;
  if (!willHeal) results.clear();
  telling.nothing();
  telling.notice(error.message, willHeal);
  if (willHeal) timers.retry = setTimeout(run, RETRY_MS);
}

// What a key has shown is not for whoever uses the next one.
function forget() {
  clear();
  ask();
}

function clear() {
  stop();
  facts = null;
  filters.forget();
  where.forget();
  results.clear();
  telling.nothing();
  telling.notice("");
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

function typed() {
  address.write({ isDone: false });
  isTyping = true;
  clearTimeout(timers.typing);
  clearTimeout(timers.news);
  timers.typing = setTimeout(run, TYPING_MS);
}

function decided(event) {
  event?.preventDefault();
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
filters.listen({ changed: () => decided() });
publishing.listen({ tenant: () => byId("tenant").value });
where.listen({ tenant: () => byId("tenant").value });
address.read();
follow({
  changed(now) {
    const isFirst = !facts;
    facts = now;
    access.open();
    question.offer(facts);
    filters.offer(facts);
    publishing.offer(facts);
    where.offer(facts);
    if (isFirst) run();
    else news();
  },
  lost(error) {
    facts = null;
    if (!access.isRefusal(error)) return telling.notice(error.message, true);
    clear();
    return access.ask(error);
  },
});
