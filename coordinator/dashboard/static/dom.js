// Nodes out of names and texts. A text only ever becomes a text node or an attribute: nothing here makes HTML of it.

const SVG = "http://www.w3.org/2000/svg";

/** An element. `on...` props are listeners; null, undefined and false are left out, of props and of children. */
export function h(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** Sets the text only where it differs: an unchanged node is not laid out again. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A label for those who do not see the picture. */
export function label(node, text) {
  if (node.getAttribute("aria-label") !== text) node.setAttribute("aria-label", text);
}

/**
 * Makes the children of `parent` those of `items`, in order, each made once by `make(item)` -> {node, update(item)}.
 * `kept` is a Map that belongs to the caller and remembers them by `id(item)`.
 */
export function keep(parent, kept, items, id, make) {
  const gone = new Set(kept.keys());
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
    kept.get(name).node.remove();
    kept.delete(name);
  }
}

/** A way to another page of ours; main.js follows it without loading anew. */
export function link(href, props, ...children) {
  return h("a", { href, "data-page": true, ...props }, ...children);
}
