// The keys of an account: made, renewed, ended. A new key is shown once.

import { ApiError, json } from "../parts/api.js";
import { h } from "../parts/dom.js";
import { secret, twice } from "../parts/secret.js";

const day = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

/** `again` loads the page anew. */
export function keysCard(keys, again) {
  const news = h("div", { role: "status" });
  const said = h("p", { class: "problem-line", role: "alert" });
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
  const show = (made) => news.replaceChildren(newKey(made, again));
  const renew = (key) => change(`/v1/account/keys/${key.id}/regenerate`, { method: "POST" }, show);
  const revoke = (key) => change(`/v1/account/keys/${key.id}`, { method: "DELETE" }, again);

  return h("section", { class: "card keys" }, h("h2", {}, "Keys"), news, said,
    h("ul", { class: "keylist" }, alive.map((key) => keyRow(key, renew, revoke))), makeForm(alive, (body) => change("/v1/account/keys", { method: "POST", body }, show)));
}

function keyRow(key, renew, revoke) {
  const limits = [["rpm", "requests a minute"], ["tpm", "tokens a minute"], ["concurrency", "at once"]].filter(([name]) => key[name]).map(([name, words]) => `${key[name]} ${words}`);
  const facts = [key.scopes.join(", "), `made ${day(key.created)}`, key.expires ? `until ${day(key.expires)}` : null, key.platform_tools ? null : "no platform tools", ...limits].filter(Boolean);
  return h("li", {},
    h("div", {}, h("strong", {}, key.name), " ", h("code", {}, key.hint), h("p", { class: "muted" }, facts.join(" · "))),
    h("div", { class: "row" },
      twice("Regenerate", "The old one dies: sure?", () => renew(key)),
      twice("Revoke", "Revoke for good?", () => revoke(key))));
}

function newKey(made, again) {
  return h("div", { class: "note newkey" }, h("p", {}, h("strong", {}, made.name), ": copy the key now, it is not shown again."),
    secret("Key", made.key), h("button", { type: "button", onclick: again }, "I have it"));
}

function makeForm(alive, make) {
  const name = h("input", { id: "key-name", required: true, maxlength: 128, placeholder: "laptop" });
  const worker = h("input", { id: "key-worker", type: "checkbox" });
  const plain = h("input", { id: "key-plain", type: "checkbox" });
  return h("form", {
    class: "makekey",
    onsubmit: (event) => {
      event.preventDefault();
      const scopes = worker.checked ? ["worker"] : ["client", "worker"];
      make({ name: name.value.trim(), scopes, ...(plain.checked ? { platform_tools: false } : {}) }); // else as this key
    },
  }, h("label", { for: "key-name" }, "A new key for"), h("div", { class: "row" }, name, h("button", { class: "primary", type: "submit" }, "Create key")),
  h("label", { class: "check", for: "key-worker" }, worker, "It may only run workers, not chat"),
  h("label", { class: "check", for: "key-plain" }, plain, "Its chats get no platform tools, which are a part of each prompt that has them"));
}
