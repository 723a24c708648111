// A secret that is shown once: covered until somebody wants to see it, and copied without being seen.

import { h } from "./dom.js";

const DOTS = "•".repeat(24);

/** @param {string} name @param {string} value */
export function secret(name, value) {
  let seen = false;
  const shown = h("code", { class: "secret", "aria-label": name }, DOTS);
  const eye = h("button", {
    type: "button",
    "aria-pressed": "false",
    onclick: () => {
      seen = !seen;
      shown.textContent = seen ? value : DOTS;
      eye.textContent = seen ? "Hide" : "Show";
      eye.setAttribute("aria-pressed", String(seen));
    },
  }, "Show");
  const copy = h("button", {
    type: "button",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(value);
        copy.textContent = "Copied";
      } catch {
        if (!seen) eye.click(); // no clipboard here, as at an address without TLS: it is there to be marked
      }
    },
  }, "Copy");
  return h("div", { class: "row" }, shown, eye, copy);
}

/**
 * A button that asks once more before it does what cannot be undone. The second press of a double click, and a key held
 * down, are no answer: nobody has read the question yet.
 * @param {string} text @param {string} question @param {() => void} act
 */
export function twice(text, question, act) {
  let sure = false;
  const button = h("button", {
    type: "button",
    onkeydown: (/** @type {KeyboardEvent} */ event) => event.repeat && event.preventDefault(),
    onclick: (/** @type {MouseEvent} */ event) => {
      if (event.detail > 1) return;
      if (sure) act();
      sure = !sure;
      button.textContent = sure ? question : text;
      button.classList.toggle("danger", sure);
    },
    onblur: () => {
      sure = false;
      button.textContent = text;
      button.classList.remove("danger");
    },
  }, text);
  return button;
}
