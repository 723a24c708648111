// A slot as a cell: what each letter of the API means, and a strip of cells that changes only where something did.

import { h, label } from "../parts/dom.js";
import { plural } from "../parts/format.js";

/** Letter -> name of its class, and what it means. The order is that of the legend and of the bars. */
export const STATES = new Map([
  ["s", ["streaming", "streaming tokens"]],
  ["r", ["reading", "reading the prompt"]],
  ["o", ["offered", "being prepared"]],
  ["w", ["waiting", "waiting for its reader"]],
  ["m", ["making", "making media"]],
  ["c", ["stopping", "being stopped"]],
  ["x", ["other", "taken by something else"]],
  [".", ["free", "free"]],
]);

/** How many cells of each letter there are. */
export function counted(cells) {
  const counts = new Map([...STATES.keys()].map((letter) => [letter, 0]));
  for (const letter of cells) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  return counts;
}

export function inWords(cells) {
  const counts = counted(cells);
  const parts = [...STATES].filter(([letter]) => counts.get(letter)).map(([letter, [, words]]) => `${counts.get(letter)} ${words}`);
  return `${plural(cells.length, "slot")}: ${parts.join(", ") || "none"}`;
}

/** A strip of at most `most` cells; more slots than that are shown as a bar of the same colours. */
export class Strip {
  constructor(most, kind = "cells") {
    this.most = most;
    this.node = h("div", { class: kind, role: "img" });
    this.cells = null;
  }

  show(cells) {
    if (cells === this.cells) return;
    const asBar = cells.length > this.most;
    if (this.cells === null || asBar !== this.cells.length > this.most) this.node.replaceChildren();
    this.node.classList.toggle("asbar", asBar);
    if (asBar) this.#bar(cells);
    else this.#strip(cells);
    this.cells = cells;
    label(this.node, inWords(cells));
  }

  #strip(cells) {
    while (this.node.childElementCount > cells.length) this.node.lastChild?.remove();
    while (this.node.childElementCount < cells.length) this.node.append(h("i"));
    let place = 0;
    for (const cell of this.node.children) {
      const name = STATES.get(cells[place++])?.[0] ?? "other";
      if (cell.className !== name) cell.className = name;
    }
  }

  #bar(cells) {
    const counts = counted(cells);
    if (!this.node.firstChild) this.node.append(...[...STATES.values()].map(([name]) => h("i", { class: name })));
    const parts = /** @type {Iterable<HTMLElement>} */ (this.node.children);
    const letters = STATES.keys();
    for (const part of parts) part.style.flexGrow = String(counts.get(letters.next().value ?? ""));
  }
}

export function legend() {
  const entries = [...STATES.values()].map(([name, words]) => h("li", {}, h("i", { class: name, "aria-hidden": "true" }), words));
  return h("ul", { class: "legend", "aria-label": "What the colours of the slots mean" }, entries);
}
