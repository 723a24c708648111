// What all parts of the operator's page are made of: a list in pages, figures, and a question before each act.

import { ApiError, json } from "../parts/api.js";
import { fromAddress, keepPages, pagesBefore, toAddress } from "../parts/address.js";
import { h, once } from "../parts/dom.js";

/** @typedef {import("../parts/api.js").Options} Options */
/** @typedef {{name: string, label: string, options: [string, string][]}} Choice */

/** A moment as people read it, in UTC as the audit log has it. @param {number | null | undefined} seconds */
export const moment = (seconds) => (seconds ? new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") : "never");

/** Figures in a row, each under its name. @param {[string, string | number | HTMLElement][]} figures */
export function figures(figures) {
  return h("dl", { class: "figures ops" }, figures.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, typeof value === "number" ? String(value) : value))));
}

/**
 * A list that the server sorts, filters and cuts into pages; the next page follows the one that is there.
 * @param {{path: string, params?: Record<string, string>, search?: string, choices?: Choice[], empty: string, more?: string,
 *   row: (item: any, again: () => void) => HTMLElement, head?: (page: any) => (string | HTMLElement | null), failed: (error: ApiError) => void}} list
 *   `search`: what the box is called; `more`: the parameter that asks for the page after this one
 */
export function paged({ path, params = {}, search, choices = [], empty, more = "after", row, head, failed }) {
  const rows = h("ul", { class: "oprows" });
  const top = h("div", { class: "muted", role: "status" });
  const next = h("button", { type: "button", hidden: true, onclick: () => load(false) }, "Show more");
  const box = search ? h("input", { type: "search", maxlength: 128, placeholder: search, "aria-label": search, value: fromAddress("search") }) : null;
  const selects = choices.map((choice) => h("select", { "aria-label": choice.label, onchange: () => sought() }, choice.options.map(([value, words]) => h("option", { value, selected: value === fromAddress(choice.name) }, words))));
  /** @type {string | number | null} */
  let following = null;
  let asked = 0;
  let timer = 0;
  const name = `${path}?${new URLSearchParams(params)}`;
  let shown = pagesBefore(name);

  /** The first page, and those behind it. @param {number} pages in all */
  async function show(pages) {
    for (let page = 1; page <= pages && (page === 1 || following !== null); page++) if (!(await load(page === 1))) return;
  }

  /** One page. Returns whether it is there, and the list still asked for. @param {boolean} anew */
  async function load(anew) {
    const mine = ++asked;
    const query = new URLSearchParams(params);
    if (box?.value.trim()) query.set("search", box.value.trim());
    choices.forEach((choice, i) => {
      for (const [name, value] of new URLSearchParams(`${choice.name}=${selects[i].value}`)) if (value) query.set(name, value);
    });
    if (!anew && following !== null) query.set(more, String(following));
    try {
      const page = await json(`${path}?${query}`);
      if (mine !== asked) return false;
      const made = page.data.map((/** @type {any} */ item) => row(item, () => show(shown)));
      if (anew) rows.replaceChildren(...(made.length ? made : [h("li", { class: "muted" }, empty)]));
      else rows.append(...made);
      following = page.next;
      next.hidden = following === null;
      top.replaceChildren(head?.(page) ?? "");
      if (!rows.isConnected) return false; // left meanwhile: the history is another page's
      shown = anew ? 1 : shown + 1;
      keepPages(name, shown);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (mine !== asked) return false;
      if (error.status === 401 || error.status === 403) failed(error);
      else top.replaceChildren(h("span", { class: "problem-line" }, error.message));
      return false;
    }
  }

  function sought() {
    if (!rows.isConnected) return; // typed, and left before it was looked for
    const first = (/** @type {number} */ i) => selects[i].selectedIndex === 0;
    toAddress(Object.fromEntries([...(box ? [["search", box.value.trim()]] : []), ...choices.map((choice, i) => [choice.name, first(i) ? "" : selects[i].value])]));
    show(1);
  }

  box?.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(sought, 250);
  });
  show(shown);
  return h("div", { class: "oplist", onagain: () => show(shown) }, box || selects.length ? h("div", { class: "opfilters" }, box, selects) : null, top, rows, next);
}

/**
 * Asks before it acts: what will happen, what has to be said for it, and a button that does it.
 * @param {{title: string, words: string, fields?: HTMLElement[], act: string, danger?: boolean, doing: () => Promise<unknown>, done: () => void}} question
 */
export function ask({ title, words, fields = [], act, danger = false, doing, done }) {
  const said = h("p", { class: "problem-line", role: "alert" });
  const go = h("button", { type: "submit", class: danger ? "danger" : "primary" }, act);
  let refused = false;
  const close = () => dialog.close();
  const leave = h("button", { type: "button", onclick: close }, "Cancel");
  const finish = () => {
    dialog.close();
    done();
  };
  const dialog = h("dialog", { class: "card opask", "aria-labelledby": "opask-title", onclose: () => {
    removeEventListener("popstate", close);
    dialog.remove();
    if (refused) done(); // what the page shows is old, perhaps: somebody else did it
  } },
    h("form", {
      onsubmit: once(async () => {
        if (go.disabled) return; // done, with words about it
        said.textContent = "";
        refused = false;
        try {
          const words = await doing();
          if (typeof words !== "string") return finish();
          go.disabled = true;
          said.textContent = words;
          leave.textContent = "Close";
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          refused = true;
          said.textContent = error.message;
        }
      }),
    }, h("h2", { id: "opask-title" }, title), h("p", {}, words), fields, said,
    h("div", { class: "row" }, go, leave)));
  document.body.append(dialog);
  addEventListener("popstate", close); // the page that it asks about is gone then
  dialog.showModal();
}

/** All lists of the page are asked for anew: what was done to one thing is seen in several. */
export const listAnew = () => document.querySelectorAll(".oplist").forEach((list) => list.dispatchEvent(new Event("again")));

/** A field with its name above it. @param {string} words @param {HTMLInputElement | HTMLSelectElement} input */
export function field(words, input) {
  return h("label", { class: "opfield" }, words, input);
}

/** How long, in words that a person chooses from. @param {string} value in seconds */
export function spans(value) {
  const all = [["900", "15 minutes"], ["3600", "1 hour"], ["21600", "6 hours"], ["86400", "1 day"], ["604800", "1 week"], ["2592000", "30 days"]];
  return h("select", {}, all.map(([seconds, words]) => h("option", { value: seconds, selected: seconds === value }, words)));
}

/** @param {string} text @param {() => void} onclick */
export const button = (text, onclick) => h("button", { type: "button", onclick }, text);

/** One POST with a body. @param {string} path @param {unknown} body @param {HeadersInit} [headers] */
export const post = (path, body, headers) => json(path, { method: "POST", body, headers });
