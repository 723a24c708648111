// A small, safe part of Markdown as DOM nodes. The text of an answer is never made into HTML: whatever is not known
// here stays the text that it is.
//
// An answer grows at its end, and each line is read once: only the last line, which may still grow, is taken back from
// the page and drawn again. A line that is very long is drawn in stretches, so that this costs little as well.

import { h } from "../parts/dom.js";
import { inline } from "./inline.js";

const STRETCH = 2000; // characters
const FENCE = /^\s{0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const BULLET = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^\s{0,3}>\s?(.*)$/;
const RULE = /^\s{0,3}([-*_])(\s*\1){2,}\s*$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$/;
/** The page has an h1 and an h2 already. @type {("h3" | "h4" | "h5" | "h6")[]} */
const HEADINGS = ["h3", "h4", "h5", "h6"];

/**
 * The items under which the next one may stand: `item` is the last one of `list`, `up` the level that it is in.
 * @typedef {{depth: number, list: HTMLElement, item: HTMLElement, up: Level | null}} Level
 *
 * The block that the next line may join; never changed, but followed by another. `node`: where its next line is added.
 * `fence`: what closes a block of code. `level`: the last item of a list. `head`: of a table without its rule until now.
 * @typedef {{kind: string, node: HTMLElement, fence?: string, level?: Level, head?: string}} Block
 */

/** Shows a text in `node`; call it again with the longer text. */
export class Markdown {
  constructor() {
    this.node = h("div", { class: "markdown" });
    this.shown = 0; // characters
    this.begin = 0; // of the text that may still be drawn again
    /** @type {Block | null} */
    this.open = null;
    /** @type {Element | null} */
    this.line = null; // where the words of the line stand that goes on at `begin`; null: a line begins there
    /** @type {(() => void)[]} */
    this.undo = []; // what takes the last line back
  }

  /** @param {string} text begins with the text before */
  show(text) {
    if (text.length === this.shown) return;
    this.#takeBack();
    for (let end = text.indexOf("\n", this.shown); end >= 0; end = text.indexOf("\n", this.begin)) {
      this.#stretches(text, end);
      this.#draw(text.slice(this.begin, end));
      this.begin = end + 1;
      this.line = null;
    }
    this.#stretches(text, text.length);
    this.shown = text.length;
    this.undo = [];
    const { open, line } = this;
    this.#draw(text.slice(this.begin));
    this.undo.push(() => Object.assign(this, { open, line }));
  }

  #takeBack() {
    for (const step of this.undo.reverse()) step();
    this.undo = [];
  }

  /**
   * Draws what is too long for one stretch.
   * @param {string} text
   * @param {number} end of the line
   */
  #stretches(text, end) {
    while (end - this.begin > STRETCH) {
      const piece = text.slice(this.begin, this.begin + STRETCH);
      const whole = piece.slice(0, piece.lastIndexOf(" ") + 1 || (/[\uD800-\uDBFF]$/.test(piece) ? STRETCH - 1 : STRETCH));
      this.#draw(whole);
      this.begin += whole.length;
    }
  }

  /** @param {string} text a line, or the next stretch of it */
  #draw(text) {
    if (!this.line) this.#line(text);
    else {
      this.#put(this.line, this.open?.fence ? [text] : inline(text));
      if (this.open?.head !== undefined) this.open = { ...this.open, head: undefined }; // too long to head a table
    }
  }

  /** @param {string} line */
  #line(line) {
    const open = this.open;
    if (open?.fence) {
      if (closes(line, open.fence)) this.open = null;
      else this.line = this.#put(open.node, [open.node.firstChild ? `\n${line}` : line]);
      return;
    }
    const fence = FENCE.exec(line);
    const kind = fence ? "code" : kindOf(line, open);
    const joined = open?.kind === kind ? open : null;
    switch (kind) {
      case "blank": this.open = null; break;
      case "code": this.#code(fence?.[1] ?? "", fence?.[2] ?? ""); break;
      case "heading": this.#heading(line); break;
      case "rule": this.#start(kind, h("hr")); break;
      case "list": this.#item(joined, line); break;
      case "quote": this.#words(joined ?? this.#start(kind, h("blockquote")), QUOTE.exec(line)?.[1] ?? ""); break;
      case "table": this.#row(joined, line); break;
      default: this.#words(joined ?? this.#start(kind, h("p")), line);
    }
  }

  /**
   * @param {Element} parent
   * @param {(Node | string)[]} children
   */
  #put(parent, children) {
    for (const child of children) {
      const node = typeof child === "string" ? document.createTextNode(child) : child;
      parent.append(node);
      this.undo.push(() => node.parentNode?.removeChild(node));
    }
    return parent;
  }

  /**
   * @param {string} kind
   * @param {HTMLElement} node
   * @returns {Block}
   */
  #start(kind, node) {
    this.#put(this.node, [node]);
    return (this.open = { kind, node });
  }

  /**
   * @param {Block} block
   * @param {string} text
   */
  #words(block, text) {
    this.line = this.#put(block.node, block.node.firstChild ? [h("br"), ...inline(text)] : inline(text));
  }

  /**
   * @param {string} fence
   * @param {string} language
   */
  #code(fence, language) {
    const code = h("code");
    const copy = copyButton(code);
    const head = h("figcaption", {}, h("span", {}, language || "text"), copy);
    this.#start("code", h("figure", { class: "code" }, head, h("pre", { tabindex: "0" }, code)));
    this.open = { kind: "code", node: code, fence };
  }

  /** @param {string} line */
  #heading(line) {
    const [, marks, text] = HEADING.exec(line) ?? ["", "", ""];
    this.line = this.#put(this.#start("heading", h(HEADINGS[Math.min(4, marks.length) - 1])).node, inline(text));
  }

  /**
   * Nested by how far the lines are indented.
   * @param {Block | null} block
   * @param {string} line the first of a list is an item
   */
  #item(block, line) {
    const found = BULLET.exec(line);
    if (!found) {
      if (block?.level) this.line = this.#put(block.level.item, [" ", ...inline(line.trim())]);
      return;
    }
    const [, space, mark, text] = found;
    const item = h("li", {}, inline(text));
    const depth = space.length;
    let level = block?.level ?? null;
    while (level?.up && level.depth > depth) level = level.up;
    if (block && level && level.depth >= depth) {
      this.#put(level.list, [item]);
      this.open = { ...block, level: { ...level, depth, item } };
    } else {
      const ordered = /\d/.test(mark);
      const list = h(ordered ? "ol" : "ul", ordered ? { start: parseInt(mark, 10) } : {}, item);
      if (level) this.#put(level.item, [list]);
      this.open = { ...(block ?? this.#start("list", list)), level: { depth, list, item, up: level } };
    }
    this.line = item;
  }

  /**
   * Text, until the second line rules a table.
   * @param {Block | null} block
   * @param {string} line
   */
  #row(block, line) {
    if (!block) this.#words((this.open = { ...this.#start("table", h("p")), head: line }), line);
    else if (block.node.localName === "tbody") this.line = this.#put(block.node, [row(line, "td")]).lastElementChild?.lastElementChild ?? null;
    else if (block.head !== undefined && TABLE_RULE.test(line)) {
      const body = h("tbody");
      const table = h("div", { class: "scroll", tabindex: "0" }, h("table", {}, h("thead", {}, row(block.head, "th")), body));
      block.node.replaceWith(table);
      this.undo.push(() => table.replaceWith(block.node));
      this.open = { kind: "table", node: body };
    } else {
      this.#words(block, line);
      this.open = { ...block, head: undefined };
    }
  }
}

/**
 * @param {string} line
 * @param {string} fence
 */
function closes(line, fence) {
  const mark = line.trim();
  return mark.length >= fence.length && mark === fence[0].repeat(mark.length);
}

/**
 * @param {string} line
 * @param {Block | null} open
 */
function kindOf(line, open) {
  if (!line.trim()) return "blank";
  if (HEADING.test(line)) return "heading";
  if (RULE.test(line)) return "rule";
  if (BULLET.test(line)) return "list";
  if (QUOTE.test(line)) return "quote";
  if (line.trimStart().startsWith("|")) return "table";
  if (open?.kind === "list" && /^\s{2,}/.test(line)) return "list";
  return "text";
}

/** @param {HTMLElement} code */
function copyButton(code) {
  const copy = h("button", {
    type: "button", class: "copy",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(code.textContent ?? "");
        copy.textContent = "Copied";
      } catch {
        copy.textContent = "Not allowed";
      }
    },
  }, "Copy");
  return copy;
}

/**
 * @param {string} line
 * @param {"th" | "td"} tag
 */
function row(line, tag) {
  const cells = line.trim().replace(/^\||\|$/g, "").split("|");
  return h("tr", {}, cells.map((cell) => h(tag, tag === "th" ? { scope: "col" } : {}, inline(cell.trim()))));
}
