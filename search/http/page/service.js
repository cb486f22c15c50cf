// The service's HTTP API, as far as the page uses it.

export class Refused extends Error {
  // `fields` are the mistakes by field, `type` is the problem's; `status` is 0 where nobody answered.
  constructor(message, status, { type = "", errors = [] } = {}) {
    super(message);
    this.status = status;
    this.type = type;
    this.fields = errors;
  }
}

const KEY = "freshet-key";
let key = read();

// Only the tab remembers it. A browser that keeps nothing for pages forgets it when the page is loaded again.
export function keep(given) {
  key = given;
  try {
    if (key === null) sessionStorage.removeItem(KEY);
    else sessionStorage.setItem(KEY, key);
  } catch {}
}

export function hasKey() {
  return key !== null;
}

function read() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

async function ask(path, options) {
  let response, body;
  const own = { Accept: "application/json", ...(key !== null && { Authorization: `Bearer ${key}` }) };
  try {
    response = await fetch(path, { ...options, headers: { ...own, ...options.headers } });
    body = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused("The search service does not answer.", 0);
  }
  if (response.ok) return body;
  throw new Refused(`${body.title}: ${body.detail}`, response.status, body);
}

export function search(asked, signal) {
  return ask("/search", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(asked),
    signal,
  });
}

export function judge(said) {
  return ask("/feedback", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(said),
  });
}

// With `wait` it answers when something has changed since `after`, or when the service has waited long enough.
export function index({ after, wait }, signal) {
  const parameters = new URLSearchParams({ ...(after && { after }), ...(wait && { wait_ms: wait }) });
  return ask(`/index?${parameters}`, { signal });
}

// `tenant` is null where the key acts for one, or there are none.
export function locate(id, tenant) {
  const parameters = tenant === null ? "" : `?${new URLSearchParams({ tenant })}`;
  return ask(`/documents/${encodeURIComponent(id)}${parameters}`, {});
}

// `version` is a text of digits, for JavaScript's numbers are exact only up to 2^53; none where it is empty.
export function publish(id, document, version) {
  const body = JSON.stringify(document);
  return ask(`/documents/${encodeURIComponent(id)}`, {
    method: "PUT",
    headers: { "Content-Type": "application/json" },
    body: version ? `${body.slice(0, -1)},"version":${version}}` : body,
  });
}
