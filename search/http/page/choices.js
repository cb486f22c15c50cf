// Which documents somebody has chosen to see, by the declared fields. In the address that is metadata.lang=en, and
// metadata.price=5..20 for what lies between; what is no choice there is overlooked.

const PREFIX = "metadata.";
const MOST_FIELDS = 10; // with ticks, and with bounds; no more are counted in one search
const MOST_VALUES = 256;
const LONGEST = 1_000; // characters of a value
const COUNTED = ["keyword", "integer", "bool"];
const RANGED = ["integer", "float", "datetime"];

const VALUE = {
  keyword: (text) => ([...text].length <= LONGEST ? text : null),
  integer: (text) => (/^(0|-?[1-9]\d*)$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : null),
  bool: (text) => (text === "true" || text === "false" ? text === "true" : null),
};
const BOUND = {
  integer: (text) => VALUE.integer(text) !== null,
  float: (text) => /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(text) && isExact(Number(text)),
  datetime: (text) => /^\d{4}-\d\d-\d\d$/.test(text) && text >= "0001" && isDay(text),
};

let kinds = null; // of the fields by their keys; null while they are not known
let chosen = new Map(); // key → { values, from, to }, the bounds as they are typed
let waiting = []; // what the address holds while the fields are not known

// Says whether the fields are others than before.
export function declare(fields) {
  if (JSON.stringify(fields) === JSON.stringify(kinds)) return false;
  const pairs = all();
  kinds = fields;
  adopt(pairs);
  return true;
}

export function forget() {
  waiting = all();
  kinds = null;
  chosen = new Map();
}

export function read(parameters) {
  const pairs = [...parameters].filter(([name]) => name.startsWith(PREFIX));
  if (kinds) adopt(pairs);
  else waiting = pairs;
}

function adopt(pairs) {
  chosen = new Map();
  for (const [key, text] of pairs) {
    const [, from, to] = (ranged().includes(key) && /^(.*?)\.\.(.*)$/.exec(text)) || [];
    if (from !== undefined) {
      bound(key, "from", from);
      bound(key, "to", to);
    } else if (counted().includes(key)) toggle(key, valueOf(key, text), true);
  }
}

// As they stand in the address: the same choice always gives the same one.
export function all() {
  if (!kinds) return waiting;
  return Object.keys(kinds).flatMap((key) => {
    const { values, from, to } = of(key);
    const ticked = values.map(String).sort().map((text) => [key, text]);
    return from || to ? [...ticked, [key, `${from}..${to}`]] : ticked;
  });
}

export const kind = (key) => kinds?.[key];
export const name = (key) => key.slice(PREFIX.length);
export const of = (key) => chosen.get(key) ?? { values: [], from: "", to: "" };
export const counted = () => such(COUNTED);
export const ranged = () => such(RANGED);

function such(wanted) {
  return Object.keys(kinds ?? {}).filter((key) => wanted.includes(kinds[key])).slice(0, MOST_FIELDS);
}

// The value that a text stands for, which may be a value itself; null where it cannot be chosen.
export function valueOf(key, given) {
  return VALUE[kinds[key]](String(given));
}

export function toggle(key, value, isOn) {
  const before = of(key);
  const others = before.values.filter((each) => each !== value);
  if (isOn && (value === null || others.length === MOST_VALUES)) return;
  chosen.set(key, { ...before, values: isOn ? [...others, value] : others });
}

// Says whether the text is a bound; what is none is left out.
export function bound(key, side, text) {
  const isGood = BOUND[kinds[key]](text);
  chosen.set(key, { ...of(key), [side]: isGood ? text : "" });
  return isGood;
}

export function clear() {
  chosen = new Map();
}

// For the search; null where nothing is chosen.
export function filter() {
  const must = Object.keys(kinds ?? {}).flatMap((key) => [...ticks(key), ...between(key)]);
  return must.length ? { must } : null;
}

function ticks(key) {
  const { values } = of(key);
  if (!values.length) return [];
  if (kinds[key] !== "bool") return [{ key, match: { any: values } }];
  const each = values.map((value) => ({ key, match: { value } }));
  return each.length === 1 ? each : [{ should: each }];
}

// Days are those of UTC, and the last one counts.
function between(key) {
  const { from, to } = of(key);
  const isDays = kinds[key] === "datetime";
  const range = {};
  if (from) range.gte = isDays ? `${from}T00:00:00Z` : Number(from);
  if (to) range.lte = isDays ? `${to}T23:59:59.999999Z` : Number(to);
  return from || to ? [{ key, range }] : [];
}

function isExact(number) {
  return Number.isFinite(number) && (!Number.isInteger(number) || Number.isSafeInteger(number));
}

function isDay(text) {
  const day = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text);
}
