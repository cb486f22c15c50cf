// Keeps a status page current: the page is asked for again, and what it tells put in the place of what it told.

const EVERY_MS = 2_000;

async function refresh() {
  try {
    const response = await fetch("/status", { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    replace(document.querySelector("main"), page.querySelector("main"));
    document.getElementById("lost").textContent = "";
  } catch {
    document.getElementById("lost").textContent = "The process does not answer; these figures are old.";
  }
}

// Tables that were scrolled, or hold the focus, do so afterwards.
function replace(old, main) {
  const before = [...old.querySelectorAll(".wide")];
  const focused = before.find((table) => table.contains(document.activeElement));
  const places = new Map(before.map((table) => [table.ariaLabel, table.scrollLeft]));
  old.replaceWith(main);
  for (const table of main.querySelectorAll(".wide")) {
    table.scrollLeft = places.get(table.ariaLabel) ?? 0;
    if (table.ariaLabel === focused?.ariaLabel) table.focus({ preventScroll: true });
  }
}

async function next() {
  // What somebody has selected, to copy it, must not go away under the pointer.
  if (!document.hidden && getSelection().type !== "Range") await refresh();
  setTimeout(next, EVERY_MS);
}

setTimeout(next, EVERY_MS);
