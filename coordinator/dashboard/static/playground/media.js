// The pictures, films and music of this network that an answer links to, shown and played below it. Nothing of another
// address is ever loaded: that would tell its owner who reads the answer.

import { h } from "../parts/dom.js";

const MOST = 16; // of one answer
const LINK_CHARS = 512; // longer than any link of ours
const NAME = /\/m\/([A-Za-z0-9_-]{22}\.(png|jpg|webp|mp4|mp3|flac|wav))(?![A-Za-z0-9])/g;

export class Media {
  constructor() {
    this.node = h("div", { class: "media", hidden: true });
    /** @type {Set<string>} */
    this.shown = new Set();
    this.read = 0; // characters
  }

  /** @param {string} text begins with the text before, of which only the end is read again */
  show(text) {
    if (text.length === this.read) return;
    const fresh = text.slice(Math.max(0, this.read - LINK_CHARS));
    this.read = text.length;
    for (const found of fresh.matchAll(NAME)) {
      const [path, name, ending] = found;
      const ours = fresh.slice(0, found.index).endsWith(location.origin);
      if (!ours || this.shown.has(name) || this.shown.size >= MOST) continue;
      this.shown.add(name);
      this.node.append(figure(location.origin + path, ending));
    }
    this.node.hidden = this.shown.size === 0;
  }
}

/**
 * @param {string} link
 * @param {string} ending
 */
function figure(link, ending) {
  const caption = h("figcaption", {}, h("a", { href: link, target: "_blank", rel: "noopener" }, "Open"), " ", h("a", { href: `${link}?download=1` }, "Save"));
  const shown = medium(link, ending, () => shown.replaceWith(h("p", { class: "muted" }, "It cannot be shown here, or is not there any more.")));
  return h("figure", {}, shown, caption);
}

/**
 * @param {string} src
 * @param {string} ending
 * @param {() => void} onerror
 */
function medium(src, ending, onerror) {
  if (ending === "mp4") return h("video", { src, controls: true, playsinline: true, preload: "metadata", "aria-label": "Film", onerror });
  if (["mp3", "flac", "wav"].includes(ending)) return h("audio", { src, controls: true, preload: "metadata", "aria-label": "Music", onerror });
  return h("img", { src, alt: "Picture that was made", onerror });
}
