// A GET of the API, sent from the reference with the key that is signed in.

import { ApiError, key, request, session } from "../parts/api.js";
import { h, link, once } from "../parts/dom.js";

const MOST_CHARS = 20_000; // of an answer that are shown

/** @param {import("./docs.js").Entry} entry @param {string} model one that is served */
export function tryIt({ id, path, parameters }, model) {
  const inputs = parameters.filter((one) => one.name !== "account").map((one) => {
    const input = h("input", { id: `${id}-try-${one.name}`, name: one.name, required: one.required === true, value: one.in === "path" && one.name === "model" ? model : "", placeholder: one.required ? "" : "any", autocomplete: "off", spellcheck: "false" });
    return { one, input, node: h("div", { class: "field" }, h("label", { for: input.id }, one.name), input) };
  });
  const said = h("div", { role: "status" });
  const form = h("form", {
    class: "filters",
    onsubmit: once(async () => said.replaceChildren(await answered(address(path, inputs)))),
  }, inputs.map(({ node }) => node), h("div", { class: "row" }, h("button", { class: "primary", type: "submit" }, "Send")));
  const known = key.get() || session.get();
  const words = known ? "It is sent with the key that is signed in here." : ["Nobody is signed in, so it is sent without a key. ", link("/account", {}, "Sign in")];
  return h("div", { class: "tryit" }, h("p", { class: "muted" }, words), form, said);
}

/** @param {string} path @param {{one: any, input: HTMLInputElement}[]} inputs */
function address(path, inputs) {
  const query = new URLSearchParams();
  for (const { one, input } of inputs) {
    const value = input.value.trim();
    if (one.in === "path") path = path.replace(`{${one.name}}`, encodeURIComponent(value));
    else if (value) query.set(one.name, value);
  }
  return query.size ? `${path}?${query}` : path;
}

/** @param {string} to */
async function answered(to) {
  const begun = performance.now();
  try {
    const answer = await request(to);
    const text = pretty(await answer.text());
    const took = Math.round(performance.now() - begun);
    const cut = text.length > MOST_CHARS ? h("p", { class: "muted" }, `The first ${MOST_CHARS.toLocaleString("en")} of ${text.length.toLocaleString("en")} characters.`) : null;
    return h("div", {}, h("p", { class: "muted" }, `${answer.status} in ${took} ms, x-request-id ${answer.headers.get("x-request-id")}`), h("pre", { tabindex: 0 }, h("code", {}, text.slice(0, MOST_CHARS))), cut);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    return h("p", { class: "problem-line", role: "alert" }, `${error.status || "No answer"} ${error.message}`);
  }
}

/** @param {string} text */
function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text; // a file, or no JSON
  }
}
