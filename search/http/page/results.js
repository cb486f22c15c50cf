// The list of documents. What has not changed stays as it is, so that a new answer disturbs nobody who reads.

import { brief, byId, element } from "./elements.js";
import { opinion } from "./opinion.js";
import { reasons } from "./reasons.js";

const list = byId("results");
const MOST_FIELDS = 8;

// `query` is what the service made of the question, `search` names it and its tenant; `isNews` marks what the index has
// changed under one that stayed the same.
export function show(results, { query, search, isNews }) {
  const before = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const focused = document.activeElement;
  const focusedId = focused.closest("#results > li")?.dataset.id ?? "";
  results.forEach((result, place) => {
    const content = JSON.stringify({ ...result, score: undefined, explanation: undefined });
    let item = before.get(result.id);
    if (item?.content !== content) {
      item = renewed(item, result);
      item.content = content;
      if (isNews) item.className = "news";
    }
    item.querySelector(".reasons").replaceChildren(...reasons(result, query));
    item.about = { ...search, id: result.id };
    offerOpinion(item, query.text);
    if (before.get(result.id) !== item) before.get(result.id)?.remove();
    if (list.children[place] !== item) list.insertBefore(item, list.children[place] ?? null);
  });
  while (list.children.length > results.length) list.lastChild.remove();
  list.querySelectorAll(".text").forEach(clamp);
  if (document.activeElement === focused) return;
  const reading = focused.isConnected ? focused : list.querySelector(`[data-id="${CSS.escape(focusedId)}"]`);
  reading?.focus({ preventScroll: true });
}

export function clear() {
  list.replaceChildren();
}

// The same document in another state; what was opened stays open.
function renewed(before, result) {
  const item = made(result);
  if (before) {
    item.querySelector("details").open = before.querySelector("details").open;
    if (before.querySelector(".whole")) item.querySelector(".text").classList.add("whole");
  }
  return item;
}

// What was said of one question is not said of the next.
function offerOpinion(item, question) {
  if (item.question === question) return;
  item.question = question;
  item.querySelector(".opinion").replaceChildren(...(question ? opinion(() => item.about) : []));
}

function made(result) {
  const text = element("p", { class: "text" }, ...marked(result));
  return element(
    "li",
    { "data-id": result.id, tabindex: "-1" },
    element("h2", {}, title(result)),
    result.title && result.title !== result.id ? element("p", { class: "id" }, result.id) : null,
    text,
    metadata(result.metadata),
    element("details", { class: "why" }, element("summary", {}, "Why this result"), element("div", { class: "reasons" })),
    element("p", { class: "opinion" }),
  );
}

function title({ title, id, metadata }) {
  const text = title || id;
  const url = String(metadata.url ?? "");
  return /^https?:\/\//i.test(url) ? element("a", { href: url, rel: "noreferrer" }, text) : text;
}

// The ranges count code points, as in Python, and not the UTF-16 units of JavaScript's strings.
function marked({ text, highlights }) {
  const characters = [...text];
  const parts = [];
  let at = 0;
  for (const [start, end] of highlights) {
    parts.push(characters.slice(at, start).join(""));
    parts.push(element("mark", {}, characters.slice(start, end).join("")));
    at = end;
  }
  return [...parts, characters.slice(at).join("")];
}

// What is longer than some lines gets a button that shows the rest of it.
function clamp(text) {
  if (text.nextElementSibling.matches(".more")) return;
  const isWhole = text.classList.contains("whole");
  if (!isWhole && text.scrollHeight <= text.clientHeight + 1) return;
  const button = element("button", { class: "more", type: "button" });
  const label = (whole) => {
    button.setAttribute("aria-expanded", String(whole));
    button.textContent = whole ? "Show less" : "Show all of it";
  };
  button.addEventListener("click", () => label(text.classList.toggle("whole")));
  label(isWhole);
  text.after(button);
}

function metadata(fields) {
  const shown = Object.entries(fields).slice(0, MOST_FIELDS);
  if (!shown.length) return null;
  const pairs = shown.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, brief(value))));
  return element("dl", { class: "metadata" }, ...pairs);
}
