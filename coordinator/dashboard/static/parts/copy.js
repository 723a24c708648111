// A text to be copied, with a button for it.

import { h } from "./dom.js";

/**
 * The text on a line of its own. Where the browser has no clipboard (an address without TLS) it is selected instead.
 * @param {string} text
 */
export function copied(text) {
  const code = h("code", {}, text);
  const button = h("button", {
    type: "button",
    onclick: async () => {
      getSelection()?.selectAllChildren(code);
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        button.textContent = "Selected: copy it";
      }
    },
    onblur: () => (button.textContent = "Copy"),
  }, "Copy");
  return h("div", { class: "copied" }, h("pre", { tabindex: 0 }, code), button);
}
