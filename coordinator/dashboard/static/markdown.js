// A small, safe part of Markdown as DOM nodes. The text of an answer is never made into HTML: whatever is not known
// here stays the text that it is. An answer that grows is drawn again only from the block that still changes.

import { h } from "./dom.js";

const FENCE = /^\s{0,3}(`{3,}|~{3,})\s*([\w+#.-]*)/;
const HEADING = /^(#{1,6})\s+(.*)$/;
const BULLET = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^\s{0,3}>\s?(.*)$/;
const RULE = /^\s{0,3}([-*_])(\s*\1){2,}\s*$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$/;
// In order: code, links, bold, italics, struck. Each is bounded, so that no text takes long.
const INLINE = /(`+)([^`]{1,2000}?)\1|\[([^\]\n]{1,300})\]\((https?:\/\/[^\s)]{1,2000})\)|\*\*([^*\n](?:[^\n]{0,998}?[^*\n])?)\*\*|(?<![\w*])[*_]([^\s*_](?:[^*_\n]{0,500}?[^\s*_])?)[*_](?![\w*])|~~([^~\n]{1,500})~~/g;

/** Blocks of a text: each {kind, lines, language?}; joined they are the whole text. */
export function blocks(text) {
  const found = [];
  let open = null;
  const start = (kind, more = {}) => found.push((open = { kind, lines: [], ...more }));
  for (const line of text.split("\n")) {
    if (open?.kind === "code" && !open.closed) {
      if (closes(line, open.fence)) open.closed = true;
      else open.lines.push(line);
      continue;
    }
    const fence = FENCE.exec(line);
    const kind = fence ? "code" : kindOf(line, open);
    if (fence) start("code", { fence: fence[1], language: fence[2], closed: false });
    else if (kind === "blank") open = null;
    else {
      if (!open || open.kind !== kind || kind === "heading" || kind === "rule" || open.closed) start(kind);
      open.lines.push(line);
    }
  }
  return found.map((block) => (block.kind === "table" && !(block.lines.length > 1 && TABLE_RULE.test(block.lines[1])) ? { ...block, kind: "text" } : block));
}

function closes(line, fence) {
  const mark = line.trim();
  return mark.length >= fence.length && mark === fence[0].repeat(mark.length);
}

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

/** Shows a text in `node`; call it again with the longer text. */
export class Markdown {
  constructor() {
    this.node = h("div", { class: "markdown" });
    this.shown = [];
  }

  show(text) {
    const parts = blocks(text).map((block) => ({ block, key: JSON.stringify(block) }));
    parts.forEach(({ block, key }, place) => {
      if (this.shown[place] === key) return;
      const drawn = draw(block);
      const old = this.node.children[place];
      if (old) old.replaceWith(drawn);
      else this.node.append(drawn);
      this.shown[place] = key;
    });
    while (this.node.children.length > parts.length) this.node.lastChild.remove();
    this.shown.length = parts.length;
  }
}

function draw(block) {
  switch (block.kind) {
    case "code": return codeBlock(block);
    case "heading": {
      const [, marks, text] = HEADING.exec(block.lines[0]);
      return h(`h${Math.min(6, marks.length + 2)}`, {}, inline(text));
    }
    case "rule": return h("hr");
    case "list": return list(block.lines);
    case "quote": return h("blockquote", {}, lines(block.lines.map((line) => QUOTE.exec(line)[1])));
    case "table": return table(block.lines);
    default: return h("p", {}, lines(block.lines));
  }
}

function codeBlock({ lines: code, language }) {
  const text = code.join("\n");
  const copy = h("button", {
    type: "button", class: "copy",
    onclick: async () => {
      try {
        await navigator.clipboard.writeText(text);
        copy.textContent = "Copied";
      } catch {
        copy.textContent = "Not allowed";
      }
    },
  }, "Copy");
  return h("figure", { class: "code" }, h("figcaption", {}, h("span", {}, language || "text"), copy), h("pre", { tabindex: "0" }, h("code", {}, text)));
}

/** Nested by how far the lines are indented. */
function list(source) {
  const root = { depth: -1, node: null };
  const stack = [root];
  let first = null;
  for (const line of source) {
    const found = BULLET.exec(line);
    if (!found) {
      stack.at(-1).item?.append(" ", ...inline(line.trim()));
      continue;
    }
    const [, space, mark, text] = found;
    while (stack.length > 1 && stack.at(-1).depth > space.length) stack.pop();
    if (stack.at(-1).depth < space.length) {
      const ordered = /\d/.test(mark);
      const node = h(ordered ? "ol" : "ul", ordered ? { start: parseInt(mark, 10) } : {});
      if (stack.length > 1) stack.at(-1).item.append(node);
      else if (first) first.append(node);
      first ??= node;
      stack.push({ depth: space.length, node, item: null });
    }
    const item = h("li", {}, inline(text));
    stack.at(-1).node.append(item);
    stack.at(-1).item = item;
  }
  return first;
}

function table(source) {
  const cells = (line) => line.trim().replace(/^\||\|$/g, "").split("|").map((cell) => inline(cell.trim()));
  const [head, , ...rest] = source;
  return h("div", { class: "scroll", tabindex: "0" }, h("table", {},
    h("thead", {}, h("tr", {}, cells(head).map((cell) => h("th", { scope: "col" }, cell)))),
    h("tbody", {}, rest.map((line) => h("tr", {}, cells(line).map((cell) => h("td", {}, cell)))))));
}

const lines = (texts) => texts.flatMap((text, place) => (place ? [h("br"), ...inline(text)] : inline(text)));

function inline(text) {
  const nodes = [];
  let last = 0;
  for (const found of text.matchAll(INLINE)) {
    const [all, , code, label, href, bold, italic, struck] = found;
    nodes.push(text.slice(last, found.index));
    last = found.index + all.length;
    if (code !== undefined) nodes.push(h("code", {}, code));
    else if (href) nodes.push(h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, label));
    else if (bold) nodes.push(h("strong", {}, inline(bold)));
    else if (italic) nodes.push(h("em", {}, italic));
    else nodes.push(h("del", {}, struck));
  }
  nodes.push(text.slice(last));
  return nodes.filter((node) => node !== "");
}
