// The keys of an account: made, changed, disabled, renewed, ended. A new key is shown once.

import { ApiError, json, key as own } from "../parts/api.js";
import { h, once } from "../parts/dom.js";
import { dollars, since } from "../parts/format.js";
import { secret, twice } from "../parts/secret.js";
import { clientsCard } from "./clients.js";
import { keyFields } from "./key_form.js";

const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
const CAPS = [["day", "today"], ["month", "this month"]];
const RATES = [["rpm", "requests a minute"], ["tpm", "tokens a minute"], ["concurrency", "at once"]];

/** The cards of keys and of their use. `again` loads the page anew. */
export function keysCards(keys, again) {
  const news = h("div", { role: "status" });
  const said = h("p", { class: "problem-line", role: "alert" });
  const clients = clientsCard();
  const alive = keys.filter((key) => !key.revoked);

  const change = async (path, options, done) => {
    said.textContent = "";
    try {
      await done(await json(path, options));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      said.textContent = error.message;
    }
  };
  const show = (made) => {
    clients.know(made.key);
    news.replaceChildren(newKey(made, again));
  };
  const acts = {
    renew: (key) => change(`/v1/account/keys/${key.id}/regenerate`, { method: "POST" }, show),
    revoke: (key) => change(`/v1/account/keys/${key.id}`, { method: "DELETE" }, again),
    set: (key, body) => change(`/v1/account/keys/${key.id}`, { method: "PATCH", body }, again),
  };
  return [
    h("section", { class: "card keys" }, h("h2", {}, "Keys"), news, said,
      h("ul", { class: "keylist" }, alive.map((key) => keyRow(key, acts))), makeForm((body) => change("/v1/account/keys", { method: "POST", body }, show))),
    clients.card,
  ];
}

function keyRow(key, { renew, revoke, set }) {
  const mine = Boolean(own.get()?.startsWith(key.hint.split("...")[0]) && own.get()?.endsWith(key.hint.split("...")[1]));
  const edit = h("div", { class: "edit" });
  const editing = h("button", { type: "button", "aria-expanded": "false", onclick: () => {
    const open = editing.getAttribute("aria-expanded") !== "true";
    editing.setAttribute("aria-expanded", String(open));
    edit.replaceChildren(...(open ? [editForm(key, (body) => set(key, body))] : []));
    if (open) edit.querySelector("input")?.focus();
  } }, "Edit");
  const disable = key.disabled
    ? h("button", { type: "button", onclick: () => set(key, { disabled: false }) }, "Enable")
    : twice("Disable", mine ? "You use it now: sure?" : "It stops working: sure?", () => set(key, { disabled: true }));
  return h("li", {},
    h("div", {}, h("strong", {}, key.name), " ", h("code", {}, key.hint), key.disabled ? h("span", { class: "off" }, " disabled") : null, mine ? h("span", { class: "muted" }, " the one you use now") : null,
      h("p", { class: "muted" }, facts(key).join(" · "))),
    h("div", { class: "row" }, editing, disable,
      twice("Regenerate", "The old one dies: sure?", () => renew(key)),
      twice("Revoke", "Revoke for good?", () => revoke(key))),
    edit);
}

function facts(key) {
  const limits = RATES.filter(([name]) => key[name]).map(([name, words]) => `${key[name]} ${words}`);
  const spent = CAPS.filter(([period]) => key[`cap_${period}_nano_usd`] || key[`spent_${period}_nano_usd`]).map(([period, words]) => {
    const cap = key[`cap_${period}_nano_usd`];
    return `${dollars(key[`spent_${period}_nano_usd`])}${cap ? ` of ${dollars(cap)}` : ""} spent ${words}`;
  });
  return [
    key.scopes.join(", "), `made ${day(key.created)}`, key.last_used ? `used ${since(key.last_used * 1000)} ago` : "never used",
    key.expires ? `until ${day(key.expires)}` : null, ...spent, ...limits, key.platform_tools ? null : "no platform tools",
  ].filter(Boolean);
}

function newKey(made, again) {
  return h("div", { class: "note newkey" }, h("p", {}, h("strong", {}, made.name), ": copy the key now, it is not shown again."),
    secret("Key", made.key), h("button", { type: "button", onclick: again }, "I have it"));
}

function makeForm(make) {
  const { name, more, values } = keyFields("key");
  return h("form", { class: "makekey", onsubmit: once(() => make(values())) }, h("label", { for: name.id }, "A new key for"), h("div", { class: "row" }, name, h("button", { class: "primary", type: "submit" }, "Create key")),
  h("details", {}, h("summary", {}, "What it may do, limits and caps"), more));
}

function editForm(key, set) {
  const { name, more, values } = keyFields(key.id, key);
  const said = h("p", { class: "problem-line", role: "alert" });
  return h("form", { class: "makekey", onsubmit: (event) => {
    event.preventDefault();
    const body = values();
    if (Object.keys(body).length) set(body);
    else said.textContent = "Nothing is different.";
  } }, h("div", {}, h("label", { for: name.id }, "Its name"), name), more, said, h("button", { class: "primary", type: "submit" }, "Save"));
}
