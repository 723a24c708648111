// What a client is given: this network's address, a key, and settings to be copied.

import { ApiError, json } from "../parts/api.js";
import { copied } from "../parts/copy.js";
import { h } from "../parts/dom.js";
import { CLIENTS } from "./snippets.js";

const NO_KEY = "YOUR_API_KEY";

/** The card, and what tells it of a key that was just made: only until the page is loaded anew. */
export function clientsCard() {
  let made = "";
  const place = h("div", { class: "clients" });
  const client = h("select", { id: "client", onchange: show }, CLIENTS.map(({ id, name }) => h("option", { value: id }, name)));
  const model = h("select", { id: "client-model", onchange: show });
  const withKey = h("input", { id: "with-key", type: "checkbox", onchange: show });
  const withKeyRow = h("label", { class: "check", for: "with-key", hidden: true }, withKey, "Put the key that was just made into the text");

  function show() {
    const root = location.origin;
    const chosen = CLIENTS.find(({ id }) => id === client.value) ?? CLIENTS[0];
    const filled = { root, base: `${root}/v1`, key: withKey.checked ? made : NO_KEY, model: model.value || "MODEL" };
    place.replaceChildren(...chosen.parts(filled).flatMap(([what, text]) => [h("p", { class: "muted" }, what), copied(text)]));
  }

  async function models() {
    try {
      const { data } = await json("/v1/models");
      const sorted = [...data].sort((a, b) => Number(b.workers_online > 0) - Number(a.workers_online > 0));
      model.replaceChildren(...sorted.map((one) => h("option", { value: one.id }, one.id)));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error; // without the list the texts say MODEL
    }
    show();
  }

  show();
  models();
  const card = h("section", { class: "card keys" }, h("h2", {}, "Use it with"),
    h("p", {}, "Base URL ", h("code", {}, `${location.origin}/v1`)),
    h("div", { class: "pair" }, h("div", {}, h("label", { for: "client" }, "Client"), client), h("div", {}, h("label", { for: "client-model" }, "Model"), model)), withKeyRow, place,
    h("p", { class: "muted" }, "Anything else that speaks OpenAI's API works too: give it the base URL, a key and an id of a model."));
  return {
    card,
    /** @param {string} key */
    know(key) {
      made = key;
      withKeyRow.hidden = false;
      show();
    },
  };
}
