// Keeps a status page current: the page is asked for again, and what it tells put in the place of what it told.

const EVERY_MS = 2_000;

async function refresh() {
  try {
    const response = await fetch("/status", { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    document.querySelector("main").replaceWith(page.querySelector("main"));
    document.getElementById("lost").textContent = "";
  } catch {
    document.getElementById("lost").textContent = "The process does not answer; these figures are old.";
  }
}

// What somebody has selected, to copy it, must not go away under the pointer.
setInterval(() => document.hidden || getSelection().type === "Range" || refresh(), EVERY_MS);
