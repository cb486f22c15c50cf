// What somebody thinks of a result: useful or not, said with one of two buttons.

import { element } from "./elements.js";
import { judge } from "./service.js";

const SCORES = { Useful: 1, "Not useful": 0 };

// `about` gives the search and the document as they are when it is said, for a list stays while answers come and go.
export function opinion(about) {
  const said = element("span", { role: "status" });
  const buttons = Object.keys(SCORES).map((word) => element("button", { type: "button", "aria-pressed": "false" }, word));
  const press = (pressed) => buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === pressed)));
  for (const button of buttons) {
    button.addEventListener("click", async () => {
      press(button);
      said.textContent = "";
      try {
        await judge({ ...about(), score: SCORES[button.textContent] });
        said.textContent = "Thank you.";
      } catch (error) {
        press(null);
        said.textContent = error.message;
      }
    });
  }
  return [...buttons, said];
}
