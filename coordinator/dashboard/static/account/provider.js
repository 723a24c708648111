// Coming in with an account that somebody has elsewhere: on the way to its provider, and back from there.

import { ApiError, json, session } from "../parts/api.js";
import { h, once } from "../parts/dom.js";
import { twice } from "../parts/secret.js";
import { recall, solved } from "./identity.js";
import { firstKey } from "./signin.js";

/** @typedef {{id: string, name: string}} Provider */
/** @typedef {{data: {id: string, provider: string | null, name: string, created: number, used: number | null}[], providers: Provider[]}} Links */

const NONCE = "supernet.nonce"; // what was computed before the way there, in this tab alone until it is back

/**
 * Sends the browser to the provider, to sign in or up; it comes back to `arrivalPage`.
 * @param {Provider} provider @param {"signin" | "signup"} purpose @param {string} invite
 */
export async function leaveFor(provider, purpose, invite) {
  const asked = { provider: provider.id, purpose, back: location.pathname };
  const { url, work } = await json("/identity/provider/start", { method: "POST", body: invite ? { ...asked, invite } : asked });
  if (work) sessionStorage.setItem(NONCE, await solved(work));
  await away(url);
}

/** Until the browser has left; it may come back to this very page, as it was. @param {string} url */
function away(url) {
  location.assign(url);
  return new Promise((back) => addEventListener("pageshow", back, { once: true }));
}

/**
 * The page that a provider sends the browser back to.
 * @param {HTMLElement} root
 * @param {{found: string, again: () => void}} shell
 */
export function arrivalPage(root, { found, again }) {
  const brought = new URLSearchParams(location.search);
  history.replaceState(null, "", location.pathname); // the code is of no use to anybody else, and nobody need see it
  const nonce = sessionStorage.getItem(NONCE) ?? undefined;
  sessionStorage.removeItem(NONCE);
  const said = h("p", { role: "status" }, "Signing in…");
  root.append(h("section", { class: "card narrow arrival" }, h("h1", {}, "Sign in"), said));
  /** @param {string} path */
  const on = (path) => {
    history.replaceState(null, "", path);
    again();
  };
  const finish = async () => {
    await recall();
    const told = Object.fromEntries(["state", "code", "iss", "error"].map((name) => [name, brought.get(name)]));
    const entered = await json("/identity/provider/finish", { method: "POST", body: { provider: found, nonce, ...told } });
    if (entered.csrf_token) session.tell(entered.csrf_token);
    if (entered.key) firstKey(root, entered.key, () => on(entered.back));
    else on(entered.back);
  };
  finish().catch((error) => {
    if (!(error instanceof ApiError)) throw error;
    const back = h("button", { type: "button", class: "primary", onclick: () => on("/account") }, session.get() ? "Back to the account" : "Back to the ways in");
    said.replaceWith(h("p", { class: "problem-line", role: "alert" }, error.message), back);
    back.focus();
  });
}

/**
 * The accounts elsewhere that let somebody in here; null where there are none and cannot be.
 * @param {Links} links @param {number} passkeys how many there are beside @param {() => void} again
 */
export function linksCard({ data, providers }, passkeys, again) {
  if (!data.length && !providers.length) return null;
  const said = h("p", { class: "problem-line", role: "alert" });
  const day = (/** @type {number} */ seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);
  const act = async (/** @type {() => Promise<unknown>} */ work) => {
    said.textContent = "";
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      said.textContent = error.message;
    }
  };
  const remove = (/** @type {string} */ id) => act(() => json(`/v1/account/links/${id}`, { method: "DELETE" }).then(again));
  const link = (/** @type {Provider} */ provider) => act(async () => {
    const { url } = await json("/v1/account/links", { method: "POST", body: { provider: provider.id } });
    await away(url);
  });
  const ways = passkeys + data.filter((one) => one.provider).length;
  return h("section", { class: "card keys" }, h("h2", {}, "Signing in with other accounts"), said,
    h("ul", { class: "keylist" }, data.map((one) => h("li", {},
      h("div", {}, h("strong", {}, one.name), h("p", { class: "muted" }, `linked ${day(one.created)}${one.used ? ` · last used ${day(one.used)}` : ""}${one.provider ? "" : " · nobody signs in with it here any more"}`)),
      ways > 1 || !one.provider ? twice("Unlink", "Unlink for good?", () => remove(one.id)) : h("small", { class: "muted" }, "your only way in")))),
    h("p", { class: "muted" }, "All that is kept is the id that you have there: no name, no e-mail address."),
    h("div", { class: "row" }, providers.map((one) => h("button", { type: "button", onclick: once(() => link(one)) }, `Link ${one.name}`))));
}
