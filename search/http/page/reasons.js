// Why a document was found, and why it stands where it does.

import { element } from "./elements.js";

export function reasons(result, query) {
  const { dense, sparse, event, passages } = result.explanation;
  const isFound = dense || sparse;
  return [
    ...(isFound ? [paragraph(words(result)), paragraph(lookedFor(query)), paragraph(standing(result.explanation, query))] : []),
    ...(isFound ? [paragraph(SCORES), table(passages)] : [paragraph("It is one of the newest documents that pass the filters.")]),
    element("p", { class: "event" }, "Shown as of the event ", element("code", {}, event), "."),
  ].filter(Boolean);
}

const SCORES = "Its passages, by cosine similarity (1 would be the same) and by the weight of shared words (BM25):";

function words({ text, highlights, explanation }) {
  const characters = [...text];
  const found = new Set(highlights.map(([start, end]) => characters.slice(start, end).join("").toLowerCase()));
  if (found.size) return `The passage above holds words of your question: ${[...found].join(", ")}.`;
  if (explanation.dense) return "The passage above holds none of your words: it was found by its meaning.";
  return "The passage above holds none of your words: they stand in the title or in another passage.";
}

function lookedFor({ terms }) {
  return terms.length ? `Words looked for, by their stems: ${terms.join(", ")}.` : null;
}

function standing({ dense, sparse, fused, rerank }, { reranker }) {
  const places = [place("by meaning", dense, 3), place("by words", sparse, 2)].filter(Boolean).join(", ");
  const both = dense && sparse ? ` Both together: ${fused.toFixed(2)}.` : "";
  const model = reranker && rerank !== null ? ` Reranked: ${rerank.toFixed(2)}, by ${reranker}.` : "";
  const rest = reranker && rerank === null ? " Not reranked: only the best were." : "";
  return `It stands ${places}.${both}${model}${rest}`;
}

function place(how, standing, digits) {
  return standing && `at place ${standing.rank} ${how} (${standing.score.toFixed(digits)})`;
}

function table(passages) {
  const rows = passages.map(({ position, dense, sparse }) =>
    element("tr", {}, ...[String(position + 1), figure(dense, 3), figure(sparse, 2)].map((cell) => element("td", {}, cell))),
  );
  const columns = ["Passage", "Meaning", "Words"].map((name) => element("th", { scope: "col" }, name));
  return element(
    "table",
    { "aria-label": "Passages" },
    element("thead", {}, element("tr", {}, ...columns)),
    element("tbody", {}, ...rows),
  );
}

function paragraph(text) {
  return text && element("p", {}, text);
}

function figure(score, digits) {
  return score === null ? "–" : score.toFixed(digits);
}
