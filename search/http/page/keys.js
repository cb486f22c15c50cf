// The slash goes to the question; the arrows go from it to the documents and back.

import { byId } from "./elements.js";

const STEPS = { ArrowDown: 1, ArrowUp: -1 };

export function listen() {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const isTyping = event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
    if (event.key === "/" && !isTyping) {
      event.preventDefault();
      byId("q").select();
    }
    if (event.key in STEPS && (!isTyping || event.target === byId("q"))) step(event);
  });
}

function step(event) {
  const places = [byId("q"), ...byId("results").children];
  const next = places[places.findIndex((place) => place.contains(event.target)) + STEPS[event.key]];
  if (!next || !places.some((place) => place.contains(event.target))) return;
  event.preventDefault();
  next.focus();
}
