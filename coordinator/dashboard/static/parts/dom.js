// Nodes out of names and texts. A text only ever becomes a text node or an attribute: nothing here makes HTML of it.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @typedef {Node | string | null | undefined | false} Child
 * @typedef {Child | Child[] | Child[][]} Children
 * @typedef {Record<string, any>} Props
 */

/**
 * An element. `on...` props are listeners; null, undefined and false are left out, of props and of children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} props
 * @param {Children[]} children
 */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/**
 * The same for SVG.
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Props} props
 * @param {Children[]} children
 */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

/**
 * @template {Element} Kind
 * @param {Kind} node
 * @param {Props} props
 * @param {Children[]} children
 */
function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children.flat(2)) if (child !== null && child !== undefined && child !== false) node.append(child);
  return node;
}

/**
 * A listener that does one thing at a time: what is pressed while it works does nothing, so nothing is made twice. The
 * button keeps the focus, and says that it waits. A form is not sent by the browser.
 * @param {(event: Event) => unknown} work
 */
export function once(work) {
  let working = false;
  return async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (working) return;
    working = true;
    const pressed = event instanceof SubmitEvent ? event.submitter : event.currentTarget;
    if (pressed instanceof Element) pressed.setAttribute("aria-disabled", "true");
    try {
      await work(event);
    } finally {
      working = false;
      if (pressed instanceof Element) pressed.removeAttribute("aria-disabled");
    }
  };
}

/** What stands in an address, or null where an escape in it is broken. @param {string} text */
export function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

/**
 * Sets the text only where it differs: an unchanged node is not laid out again.
 * @param {Node} node
 * @param {string} text
 */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/**
 * Shows a text that only grows: what was shown of it is not read again.
 * @param {Node} node
 * @param {string} text
 */
export function grow(node, text) {
  const shown = node.firstChild;
  if (!(shown instanceof Text)) node.textContent = text;
  else if (shown.length < text.length) shown.appendData(text.slice(shown.length));
}

/**
 * A label for those who do not see the picture.
 * @param {Element} node
 * @param {string} text
 */
export function label(node, text) {
  if (node.getAttribute("aria-label") !== text) node.setAttribute("aria-label", text);
}

/**
 * @template Item
 * @typedef {{ node: Element, update: (item: Item) => void }} Part
 */

/**
 * Makes the children of `parent` those of `items`, in order, each made once by `make(item)` -> {node, update(item)}.
 * `kept` is a Map that belongs to the caller and remembers them by `id(item)`.
 * @template Item
 * @param {Element} parent
 * @param {Map<string, Part<Item>>} kept
 * @param {Iterable<Item>} items
 * @param {(item: Item) => string} id
 * @param {(item: Item) => Part<Item>} make
 */
export function keep(parent, kept, items, id, make) {
  const gone = new Set(kept.keys());
  /** @type {Element | null} */
  let before = null;
  for (const item of items) {
    const name = id(item);
    gone.delete(name);
    let part = kept.get(name);
    if (!part) kept.set(name, (part = make(item)));
    part.update(item);
    const next = before ? before.nextSibling : parent.firstChild;
    if (part.node !== next) parent.insertBefore(part.node, next);
    before = part.node;
  }
  for (const name of gone) {
    kept.get(name)?.node.remove();
    kept.delete(name);
  }
}

/**
 * A way to another page of ours; main.js follows it without loading anew.
 * @param {string} href
 * @param {Props} props
 * @param {Children[]} children
 */
export function link(href, props, ...children) {
  return h("a", { href, "data-page": true, ...props }, ...children);
}
