// The fields of a key: what it may do, until when, how much. To make one, and to change one.

import { h } from "../parts/dom.js";

const DAY_S = 86400;
const NANO = 1e9;
const SCOPES = [["client,worker", "Chat and run workers"], ["client", "Only chat"], ["worker", "Only run workers"]];
const EXPIRY = [["1", "In a day"], ["7", "In 7 days"], ["30", "In 30 days"], ["90", "In 90 days"], ["365", "In a year"]];
const RATES = [["rpm", "Requests a minute"], ["tpm", "Tokens a minute"], ["concurrency", "Requests at a time"]];
const CAPS = [["cap_day_nano_usd", "Dollars a day, at most"], ["cap_month_nano_usd", "Dollars a month, at most"]];

/**
 * `id`: what the fields' ids begin with. `key`: that is to be changed; without it one is made.
 * @param {string} id
 * @param {any} [key]
 */
export function keyFields(id, key) {
  const name = h("input", { id: `${id}-name`, required: true, maxlength: 128, placeholder: "laptop", value: key?.name ?? "" });
  const scopes = h("select", { id: `${id}-scopes` }, SCOPES.map(([value, words]) => h("option", { value }, words)));
  const kept = key ? [["keep", key.expires ? `As it is: ${new Date(key.expires * 1000).toISOString().slice(0, 10)}` : "As it is: never"]] : [];
  const expiry = h("select", { id: `${id}-expiry` }, kept.map(([value, words]) => h("option", { value }, words)),
    h("option", { value: "" }, "Never"), EXPIRY.map(([days, words]) => h("option", { value: days }, words)));
  const number = (/** @type {string} */ field, /** @type {number | null} */ value, /** @type {object} */ props) =>
    h("input", { id: `${id}-${field}`, type: "number", inputmode: "decimal", value, ...props });
  const rates = RATES.map(([field, words]) => ({ field, words, input: number(field, key?.[field], { min: 1, max: 1e9, step: 1, placeholder: "the network's" }) }));
  const caps = CAPS.map(([field, words]) => ({ field, words, input: number(field, key?.[field] ? key[field] / NANO : null, { min: 1e-9, max: 9e6, step: "any", placeholder: "no cap" }) }));
  const plain = h("input", { id: `${id}-plain`, type: "checkbox", checked: key ? !key.platform_tools : false });
  const field = (/** @type {string} */ words, /** @type {HTMLElement} */ input) => h("div", {}, h("label", { for: input.id }, words), input);
  const more = [
    h("div", { class: "grid" },
      key ? null : field("What it may do", scopes), field("Expires", expiry),
      rates.map(({ words, input }) => field(words, input)), caps.map(({ words, input }) => field(words, input))),
    h("p", { class: "muted" }, "What is capped is all that is spent with this key, and with the keys that are made with it, until midnight or the month's end (UTC). What you spend in the playground, signed in with a passkey, counts for no key."),
    h("label", { class: "check", for: plain.id }, plain, "Its chats get no platform tools, which are a part of each prompt that has them"),
  ];

  /** What the API is sent: to make a key all that is given, to change one all that is different. */
  function values() {
    /** @type {Record<string, any>} */
    const given = { name: name.value.trim(), platform_tools: !plain.checked };
    for (const { field: of, input } of rates) given[of] = input.value ? Number(input.value) : null;
    for (const { field: of, input } of caps) given[of] = input.value ? Math.round(Number(input.value) * NANO) : null;
    if (expiry.value !== "keep") given.expires_in_s = expiry.value ? Number(expiry.value) * DAY_S : null;
    if (key) return Object.fromEntries(Object.entries(given).filter(([of, value]) => of === "expires_in_s" || value !== key[of]));
    if (given.platform_tools) delete given.platform_tools; // as the key that makes it
    return { ...given, scopes: scopes.value.split(",") };
  }
  return { name, more, values };
}
