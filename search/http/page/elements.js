// Making elements and words. Text always goes in as text, never as HTML: documents may hold anything.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export const byId = (id) => document.getElementById(id);

// Also what is read aloud: a text that is the same is not said again.
export function say(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

const numbers = new Intl.NumberFormat("en");
const LONGEST_VALUE = 80;

export const number = (count) => numbers.format(count);

export function brief(value) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return text.length > LONGEST_VALUE ? `${text.slice(0, LONGEST_VALUE)}…` : text;
}

export function counted(count, one) {
  return `${number(count)} ${one}${count === 1 ? "" : "s"}`;
}

const UNITS = [
  [86400 * 365, "year"],
  [86400, "day"],
  [3600, "hour"],
  [60, "minute"],
  [1, "second"],
];

export function ago(seconds) {
  const found = UNITS.find(([size]) => seconds >= size);
  return found && seconds >= 2 ? `${counted(Math.floor(seconds / found[0]), found[1])} ago` : "just now";
}
