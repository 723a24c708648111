// What only a person does who has signed in: passkeys and recovery codes, invites, the account's data and its end.

import { ApiError, json, request } from "../parts/api.js";
import { h, once } from "../parts/dom.js";
import { save, whole } from "../parts/file.js";
import { addPasskey } from "./identity.js";
import { secret, twice } from "../parts/secret.js";

const day = (/** @type {number} */ seconds) => new Date(seconds * 1000).toISOString().slice(0, 10);

/** @typedef {{data: {id: string, name: string, created: number, used: number | null}[], recovery_codes: number}} Passkeys */
/** @typedef {{data: {id: string, note: string, state: string, expires: number}[], left: number}} Invites */

/** Does what can be refused, and says why it was. @param {HTMLElement} said @param {() => Promise<unknown>} act */
async function trying(said, act) {
  said.textContent = "";
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    said.textContent = error.message;
  }
}

const alert = () => h("p", { class: "problem-line", role: "alert" });

/** @param {Passkeys} passkeys @param {import("./provider.js").Links} links other ways in @param {() => void} again */
export function passkeysCard({ data, recovery_codes }, links, again) {
  const said = alert();
  const news = h("div", { role: "status" });
  const name = h("input", { id: "passkey-name", required: true, maxlength: 128, placeholder: "phone" });
  const add = once(() => trying(said, () => addPasskey(name.value.trim()).then(again)));
  const remove = (/** @type {string} */ id) => trying(said, () => json(`/v1/account/passkeys/${id}`, { method: "DELETE" }).then(again));
  const codes = () => trying(said, async () => {
    const made = await json("/v1/account/recovery-codes", { method: "POST" });
    news.replaceChildren(h("div", { class: "note newkey" }, h("p", {}, "Write these down now: they are not shown again. Each lets you in once; those of before are of no use any more."),
      secret("Recovery codes", made.codes.join("\n")), h("button", { type: "button", onclick: again }, "I have them")));
  });
  return h("section", { class: "card keys" }, h("h2", {}, "Signing in"), news, said,
    h("ul", { class: "keylist" }, data.map((one) => h("li", {},
      h("div", {}, h("strong", {}, one.name), h("p", { class: "muted" }, `made ${day(one.created)}${one.used ? ` · last used ${day(one.used)}` : ""}`)),
      data.length + links.data.filter((link) => link.provider).length > 1 ? twice("Remove", "Remove for good?", () => remove(one.id)) : null))),
    h("p", { class: "muted" }, `Without your passkeys you come in with a recovery code: ${recovery_codes} left.`),
    h("div", { class: "row" }, twice("Make new recovery codes", "The old ones end: sure?", codes)),
    h("form", { class: "makekey", onsubmit: add }, h("label", { for: "passkey-name" }, "Another passkey, on"),
      h("div", { class: "row" }, name, h("button", { type: "submit" }, "Add passkey"))));
}

/** @param {Invites} invites @param {() => void} again */
export function invitesCard({ data, left }, again) {
  if (!data.length && !left) return null;
  const said = alert();
  const news = h("div", { role: "status" });
  const note = h("input", { id: "invite-note", maxlength: 128, placeholder: "for Ada" });
  const make = once(() => trying(said, async () => {
    const made = await json("/v1/account/invites", { method: "POST", body: { note: note.value.trim() } });
    news.replaceChildren(h("div", { class: "note newkey" }, h("p", {}, "One person can make an account with this link; it is not shown again."),
      secret("Invite", made.link), h("button", { type: "button", onclick: again }, "I have it")));
  }));
  const revoke = (/** @type {string} */ id) => trying(said, () => json(`/v1/account/invites/${id}`, { method: "DELETE" }).then(again));
  return h("section", { class: "card keys" }, h("h2", {}, "Invites"), news, said,
    h("ul", { class: "keylist" }, data.map((one) => h("li", {},
      h("div", {}, h("strong", {}, one.note || one.id), h("p", { class: "muted" }, one.state === "live" ? `until ${day(one.expires)}` : one.state)),
      one.state === "live" ? twice("Revoke", "Revoke for good?", () => revoke(one.id)) : null))),
    left ? h("form", { class: "makekey", onsubmit: make }, h("label", { for: "invite-note" }, `A new invite (${left} left)`),
      h("div", { class: "row" }, note, h("button", { type: "submit" }, "Make invite"))) : h("p", { class: "muted" }, "You have made all your invites."));
}

/** @param {() => void} gone */
export function leavingCard(gone) {
  const said = alert();
  const keep = () => trying(said, async () => save(await whole(await request("/v1/account/export")), "supernet-account.json"));
  const end = () => trying(said, () => json("/v1/account", { method: "DELETE" }).then(gone));
  return h("section", { class: "card" }, h("h2", {}, "Your data"), said,
    h("p", { class: "muted" }, "Deleting ends all keys, sessions, passkeys, links, codes and invites, your files, and what is left of your balance. The rows of the books stay, as money must add up: amounts, models and times under an id, without a name."),
    h("div", { class: "row" }, h("button", { type: "button", onclick: keep }, "Export as JSON"), twice("Delete account", "Delete for good, with its balance?", end)));
}
