// The reference of the API, drawn from /openapi.json. An operation is drawn when it is opened: the document has
// thousands of lines, and nobody reads all of them.

import { ApiError, json, key, session } from "../parts/api.js";
import { copied } from "../parts/copy.js";
import { decoded, h, link } from "../parts/dom.js";
import { plural } from "../parts/format.js";
import { examples } from "./examples.js";
import { later, prose, Schemas } from "./schema.js";
import { tryIt } from "./try_it.js";

const METHODS = ["get", "post", "put", "patch", "delete"];

/** @typedef {{id: string, method: string, path: string, operation: any, parameters: any[]}} Entry */

/** @type {import("../main.js").Page} */
export function docsPage(root) {
  const body = h("div", { class: "network docs" }, h("p", { class: "muted" }, "Reading the document of the API."));
  const stop = new AbortController();
  /** @type {Reference | null} */
  let reference = null;
  const jump = () => reference?.jump(decoded(location.hash.slice(1)) ?? "");
  root.append(body);
  addEventListener("hashchange", jump, { signal: stop.signal });

  async function load() {
    try {
      const [document_, model] = await Promise.all([json("/openapi.json", { signal: stop.signal }), served(stop.signal)]);
      reference = new Reference(document_, model);
      body.replaceChildren(...reference.nodes);
      jump();
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      body.replaceChildren(h("p", { class: "note", role: "alert" }, error.message));
    }
  }

  load();
  return () => stop.abort();
}

/** A model for the examples: one that workers serve now, if we may know. @param {AbortSignal} signal */
async function served(signal) {
  if (!key.get() && !session.get()) return "MODEL";
  try {
    const { data } = await json("/v1/models", { signal });
    const online = data.find((/** @type {any} */ one) => one.workers_online) ?? data[0];
    return online?.id ?? "MODEL";
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return "MODEL"; // a key for workers alone reads the reference too
  }
}

class Reference {
  /** @param {any} document_ @param {string} model */
  constructor(document_, model) {
    this.document = document_;
    this.model = model;
    this.schemas = new Schemas(document_.components.schemas);
    this.entries = entries(document_);
    /** @type {Map<string, HTMLDetailsElement>} */
    this.articles = new Map();
    /** @type {Map<string, string>} */
    this.known = new Map(); // words of each operation
    this.count = h("p", { class: "muted", role: "status" });
    const groups = document_.tags.map((/** @type {any} */ tag) => this.#group(tag)).filter(Boolean);
    this.groups = groups;
    this.nodes = [this.#head(), ...groups];
    this.#filter("");
  }

  #head() {
    const { info } = this.document, base = `${location.origin}/v1`;
    const filter = h("input", { id: "docs-filter", type: "search", placeholder: "chat, usage, POST, max_tokens …", autocomplete: "off", spellcheck: "false", oninput: () => this.#filter(filter.value) });
    return h("header", { class: "docshead card" }, h("h1", {}, "API"),
      h("p", {}, "Any client of OpenAI's works with this base URL and a key of yours. The same with other clients' names is on ", link("/account", {}, "the account's page"), ", where keys are made."),
      copied(base),
      h("p", {}, "The key goes into the header ", h("code", {}, "Authorization: Bearer KEY"), ". Everything below is also at ", h("a", { href: "/openapi.json" }, "/openapi.json"), ` (OpenAPI ${this.document.openapi}, version ${info.version}).`),
      later("What holds for all of it", () => info.description.split("\n\n").slice(1).map((/** @type {string} */ text) => h("p", {}, prose(text.replaceAll("\n", " "))))),
      h("div", { class: "field" }, h("label", { for: "docs-filter" }, "Filter by path, words or field"), filter), this.count);
  }

  /** @param {{name: string, description: string}} tag */
  #group(tag) {
    const own = this.entries.filter((entry) => entry.operation.tags[0] === tag.name);
    if (!own.length) return null;
    return h("section", { class: "card", "aria-label": tag.name }, h("h2", {}, tag.name), h("p", { class: "muted" }, prose(tag.description)), own.map((entry) => this.#article(entry)));
  }

  /** @param {Entry} entry */
  #article(entry) {
    const { id, method, path, operation } = entry;
    const node = h("details", { class: "operation", id },
      h("summary", {}, h("span", { class: `method ${method}` }, method.toUpperCase()), h("code", {}, path), h("span", { class: "words" }, prose(operation.summary))));
    node.addEventListener("toggle", () => {
      if (!node.open) return;
      if (node.childElementCount === 1) node.append(this.#drawn(entry));
      if (location.hash !== `#${id}`) history.replaceState(null, "", `/docs#${id}`);
    });
    this.articles.set(id, node);
    return node;
  }

  /** @param {Entry} entry */
  #drawn(entry) {
    const { operation, parameters, path, method } = entry;
    const filled = path.replaceAll(/\{(\w+)\}/g, (_, name) => (name === "model" ? this.model : name.toUpperCase()));
    const call = { method, path: filled, operation, origin: location.origin, model: this.model };
    /** @type {(HTMLElement | null)[]} */
    const parts = [operation.description ? h("p", {}, prose(operation.description)) : null];
    if (operation.security && !operation.security.length) parts.push(h("p", { class: "muted" }, "Needs no key."));
    parts.push(h("h3", {}, "Examples"), tabs(entry.id, examples(call)));
    if (parameters.length) parts.push(h("h3", {}, "Parameters"), this.#parameters(parameters));
    for (const [type, content] of Object.entries(operation.requestBody?.content ?? {})) parts.push(h("h3", {}, "Body ", h("small", { class: "muted" }, type)), this.schemas.fields(content.schema));
    parts.push(h("h3", {}, "Answers"), this.#answers(operation.responses));
    if (method === "get" && operation.responses[200]?.content?.["application/json"]) parts.push(h("h3", {}, "Try it"), tryIt(entry, this.model));
    return h("div", { class: "drawn" }, parts);
  }

  /** @param {any[]} parameters */
  #parameters(parameters) {
    return h("ul", { class: "fields" }, parameters.map((one) => this.schemas.field(one.name, { ...one.schema, description: one.description ?? one.schema?.description }, one.required === true)));
  }

  /** @param {Record<string, any>} responses */
  #answers(responses) {
    const shared = this.document.components.responses;
    /** @type {Map<string, string[]>} */
    const statuses = new Map(); // of each answer: errors are all alike
    for (const [status, one] of Object.entries(responses)) {
      const what = one.$ref ?? status;
      statuses.set(what, [...(statuses.get(what) ?? []), status]);
    }
    return h("ul", { class: "answers" }, [...statuses].map(([what, same]) => {
      const found = shared[what.split("/").pop() ?? ""] ?? responses[what];
      const content = Object.entries(found.content ?? {}), headers = Object.entries(found.headers ?? {});
      const inside = later("what is in it", () => [
        ...headers.map(([name, header]) => h("p", {}, h("code", {}, name), " ", prose(header.description ?? ""))),
        ...content.flatMap(([type, { schema }]) => [h("p", { class: "muted" }, `${type}: ${this.schemas.kind(schema)}`), schema ? this.schemas.fields(schema) : null]),
      ]);
      return h("li", {}, h("b", { class: same[0] < "300" ? "fine" : "bad" }, same.join(", ")), " ", prose(found.description), inside);
    }));
  }

  /** @param {string} text */
  #filter(text) {
    const wanted = text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const entry of this.entries) {
      const fits = wanted.every((word) => this.#words(entry).includes(word));
      const article = this.articles.get(entry.id);
      if (article) article.hidden = !fits;
      shown += Number(fits);
    }
    for (const group of this.groups) group.hidden = !group.querySelector(".operation:not([hidden])");
    this.count.textContent = `${plural(shown, "operation")}${wanted.length ? " found" : ""}`;
  }

  /** All that an operation can be found by. @param {Entry} entry @returns {string} */
  #words(entry) {
    let words = this.known.get(entry.id);
    if (words === undefined) {
      const bodies = Object.values(entry.operation.requestBody?.content ?? {}).flatMap((content) => Object.keys(this.schemas.found(content.schema).properties ?? {}));
      words = [entry.method, entry.path, entry.operation.summary, entry.operation.tags[0], ...entry.parameters.map((one) => one.name), ...bodies].join(" ").toLowerCase();
      this.known.set(entry.id, words);
    }
    return words;
  }

  /** Opens an operation and goes there. @param {string} id */
  jump(id) {
    const article = this.articles.get(id);
    if (!article) return;
    article.hidden = false;
    article.open = true;
    article.scrollIntoView({ block: "start" });
    article.querySelector("summary")?.focus({ preventScroll: true });
  }
}

/** @param {any} document_ @returns {Entry[]} */
function entries(document_) {
  return Object.entries(document_.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => ({ id: item[method].operationId, method, path, operation: item[method], parameters: [...(item.parameters ?? []), ...(item[method].parameters ?? [])] })));
}

/** One example after the other in one place. @param {string} id @param {[string, string][]} texts */
function tabs(id, texts) {
  const shown = texts.map(([language, text], n) => h("div", { role: "tabpanel", id: `${id}-${n}`, "aria-label": language, hidden: n > 0 }, copied(text)));
  const buttons = texts.map(([language], n) => h("button", { type: "button", role: "tab", "aria-selected": String(n === 0), "aria-controls": `${id}-${n}`, tabindex: n ? -1 : 0, onclick: () => choose(n) }, language));
  /** @param {number} chosen */
  function choose(chosen) {
    shown.forEach((panel, n) => (panel.hidden = n !== chosen));
    buttons.forEach((button, n) => {
      button.setAttribute("aria-selected", String(n === chosen));
      button.tabIndex = n === chosen ? 0 : -1;
    });
  }
  const list = h("div", { role: "tablist", class: "row", "aria-label": "Language" }, buttons);
  list.addEventListener("keydown", (event) => {
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (at < 0 || !step) return;
    const next = (at + step + buttons.length) % buttons.length;
    choose(next);
    buttons[next].focus();
  });
  return h("div", { class: "examples" }, list, shown);
}
