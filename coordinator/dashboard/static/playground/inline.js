// The marks within a line of Markdown as DOM nodes: code, links, bold, italics, struck.

import { h } from "../parts/dom.js";

// In order: code, links, bold, italics, struck. Each is bounded, so that no text takes long.
const INLINE = /(`+)([^`]{1,2000}?)\1|\[([^\]\n]{1,300})\]\((https?:\/\/[^\s)]{1,2000})\)|\*\*([^*\n](?:[^\n]{0,998}?[^*\n])?)\*\*|(?<![\w*])[*_]([^\s*_](?:[^*_\n]{0,500}?[^\s*_])?)[*_](?![\w*])|~~([^~\n]{1,500})~~/g;

/**
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function inline(text) {
  /** @type {(Node | string)[]} */
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
