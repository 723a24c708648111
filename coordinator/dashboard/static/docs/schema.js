// A JSON schema as a list that people read: each field with its kind, bounds and words; what lies inside it when opened.

import { h } from "../parts/dom.js";

/** @typedef {Record<string, any>} Schema */

const BOUNDS = [["minimum", "at least"], ["maximum", "at most"], ["exclusiveMinimum", "above"], ["exclusiveMaximum", "below"], ["minLength", "characters at least"], ["maxLength", "characters at most"], ["minItems", "entries at least"], ["maxItems", "entries at most"], ["maxProperties", "names at most"], ["pattern", "like"], ["default", "default"], ["format", "format"]];
const MOST_VALUES = 24; // of an enum that are shown at once

/** Schemas by name, to which others refer. */
export class Schemas {
  /** @param {Record<string, Schema>} named */
  constructor(named) {
    this.named = named;
  }

  /** @param {Schema | undefined} schema @returns {Schema} the schema itself where it only refers to one */
  found(schema) {
    let found = schema ?? {};
    for (let hops = 0; found.$ref && hops < 9; hops++) {
      const { $ref: ref, ...beside } = found;
      found = { ...(this.named[ref.split("/").pop()] ?? {}), ...beside };
    }
    return found;
  }

  /** What a schema is, in a few words. @param {Schema | undefined} schema @returns {string} */
  kind(schema) {
    const found = this.found(schema);
    if ("const" in found) return JSON.stringify(found.const);
    const types = [found.type ?? []].flat().filter((type) => type !== "null");
    const many = found.oneOf ?? found.anyOf;
    if (types.length === 1 && types[0] === "array") return found.items ? `list of ${this.kind(found.items)}` : "list";
    if (types.length) return types.join(" or ");
    if (many) return [...new Set(many.map((/** @type {Schema} */ one) => this.kind(one)).filter((/** @type {string} */ kind) => kind !== "null"))].join(" or ") || "any";
    if (found.type) return "null";
    if (found.enum) return "one of";
    return found.properties ? "object" : "any";
  }

  /**
   * The fields of an object, in a list. @param {Schema | undefined} schema
   * @returns {HTMLElement}
   */
  fields(schema) {
    const found = this.found(schema), required = new Set(found.required ?? []);
    const all = Object.entries(this.#properties(found));
    const idle = all.filter(([, one]) => this.found(one).description?.startsWith("No effect"));
    const ordered = [...all.filter(([name]) => required.has(name)), ...all.filter((one) => !required.has(one[0]) && !idle.includes(one))];
    const shown = (/** @type {[string, Schema][]} */ some) => some.map(([name, one]) => this.field(name, one, required.has(name)));
    const others = idle.length ? h("li", {}, later(`${idle.length} more that are taken and change nothing`, () => [h("ul", { class: "fields" }, shown(idle))])) : null;
    return h("ul", { class: "fields" }, shown(ordered), others);
  }

  /** @param {Schema} found */
  #properties(found) {
    const parts = (found.allOf ?? []).map((/** @type {Schema} */ one) => this.found(one).properties ?? {});
    return Object.assign({}, ...parts, found.properties ?? {});
  }

  /** @param {string} name @param {Schema} schema @param {boolean} required */
  field(name, schema, required) {
    const found = this.found(schema), inside = this.#inside(found);
    const line = [h("code", { class: "name" }, name), h("span", { class: "kind" }, this.kind(found)), required ? h("b", { class: "needed" }, "required") : null];
    const words = [found.description ? h("p", {}, prose(found.description)) : null, bounds(found)];
    return h("li", {}, h("div", { class: "line" }, line), words, inside);
  }

  /** What is in a list or an object, drawn when somebody opens it: schemas may hold themselves. @param {Schema} found */
  #inside(found) {
    const choices = (found.oneOf ?? found.anyOf ?? []).map((/** @type {Schema} */ one) => this.found(one));
    const items = found.items ? [this.found(found.items)] : [];
    const values = typeof found.additionalProperties === "object" ? [this.found(found.additionalProperties)] : [];
    const parts = [found, ...choices, ...items, ...values, ...items.flatMap((one) => (one.oneOf ?? one.anyOf ?? []).map((/** @type {Schema} */ each) => this.found(each))), ...choices.flatMap((/** @type {Schema} */ one) => (one.items ? [this.found(one.items)] : []))]
      .filter((one) => Object.keys(this.#properties(one)).length);
    if (!parts.length) return null;
    return later(parts.length > 1 ? `${parts.length} forms` : "fields", () => parts.map((one, n) => [parts.length > 1 ? h("p", { class: "muted" }, one.description && one !== found ? prose(one.description) : `Form ${n + 1}`) : null, this.fields(one)]).flat());
  }
}

/**
 * What is drawn when it is opened for the first time.
 * @param {string} words @param {() => (Node | null)[]} draw
 */
export function later(words, draw) {
  const node = h("details", {}, h("summary", {}, words));
  node.addEventListener("toggle", () => {
    if (node.open && node.childElementCount === 1) node.append(...draw().filter((one) => one !== null));
  });
  return node;
}

/** @param {Schema} found */
function bounds(found) {
  const said = BOUNDS.filter(([name]) => name in found && !(name === "minLength" && found[name] === 0)).map(([name, words]) => `${words} ${name === "pattern" ? found[name] : JSON.stringify(found[name])}`);
  const values = (found.enum ?? []).filter((/** @type {unknown} */ value) => value !== null);
  const shown = values.slice(0, MOST_VALUES).map((/** @type {unknown} */ value) => JSON.stringify(value));
  if (values.length) said.push(`one of ${shown.join(", ")}${values.length > MOST_VALUES ? `, and ${values.length - MOST_VALUES} others` : ""}`);
  return said.length ? h("p", { class: "bounds" }, said.join(" · ")) : null;
}

/** `names` in a text as code. @param {string} text */
export function prose(text) {
  return text.split("`").map((part, n) => (n % 2 ? h("code", {}, part) : part)).filter((part) => part !== "");
}
