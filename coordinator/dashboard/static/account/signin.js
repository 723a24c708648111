// The ways in: a passkey, an account elsewhere, a recovery code, a new account, or a key that somebody has.

import { ApiError, json, key, session } from "../parts/api.js";
import { decoded, h } from "../parts/dom.js";
import { hindrance, recall, recover, signIn, signUp } from "./identity.js";
import { leaveFor } from "./provider.js";
import { secret } from "../parts/secret.js";

/** @typedef {import("./provider.js").Provider} Provider */

const INVITE = "#invite=";

/** The code in an invite's link, "" where there is none. @param {string} link */
export function invited(link) {
  const at = link.indexOf(INVITE);
  const code = at < 0 ? "" : link.slice(at + INVITE.length);
  return decoded(code) ?? code;
}

/**
 * @param {HTMLElement} root
 * @param {ApiError | null} error why the key that was there is of no use
 * @param {() => void} entered shows the page that was asked for
 */
export async function signInPage(root, error, entered) {
  const place = h("section", { class: "card narrow" }, h("h1", {}, "Sign in"));
  root.replaceChildren(place);
  const form = keyForm(error, entered);
  place.append(form);
  const typed = form.querySelector("input");
  typed?.focus();
  const before = session.get();
  const told = await recall().catch(() => null);
  if (told?.session && session.get() !== before && !key.get() && place.isConnected) return entered(); // signed in meanwhile, in another tab
  const invite = invited(location.hash);
  if (!told || !place.isConnected) return;
  const offered = ways(told, invite, root, entered);
  form.before(offered);
  const usual = offered.querySelector(invite ? "form button" : "button.primary"); // where people join by themselves few bring a key
  if (usual instanceof HTMLElement && (told.signup !== "off" || invite) && !error && document.activeElement === typed && !typed?.value) usual.focus();
}

/**
 * @param {import("./identity.js").Told} told
 * @param {string} invite
 * @param {HTMLElement} root
 * @param {() => void} entered
 */
function ways(told, invite, root, entered) {
  const why = hindrance(told);
  if (told.origin !== location.origin) return h("p", { class: "note ways" }, why, " ", h("a", { href: `${told.origin}${location.pathname}${location.hash}` }, "Open it there"));
  const said = h("p", { class: "problem-line", role: "alert" });
  const busy = h("p", { class: "muted", role: "status" });
  let working = false; // one way at a time: two would each take the other's challenge, and leave a passkey for nothing
  const act = (/** @type {string} */ words, /** @type {() => Promise<void>} */ work) => async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (working) return;
    working = true;
    said.textContent = "";
    busy.textContent = words;
    try {
      await work();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      said.textContent = error.message;
    } finally {
      working = false;
      busy.textContent = "";
    }
  };
  const brought = () => invited(field.value) || field.value.trim(); // people paste the whole link as well
  const field = h("input", { id: "invite", autocomplete: "off", spellcheck: "false", required: told.signup !== "open", value: invite });
  const join = act("Making the account…", async () => {
    const made = await signUp(brought());
    history.replaceState(null, "", location.pathname);
    if (made) firstKey(root, made, entered);
    else entered();
  });
  const code = h("input", { id: "recovery", autocomplete: "off", spellcheck: "false", required: true });
  const going = (/** @type {Provider} */ one) => `Going to ${one.name}…`;
  const joining = (/** @type {Provider} */ one) => h("button", { type: "button", onclick: (/** @type {Event} */ event) => {
    if (field.form?.reportValidity() ?? true) act(going(one), () => leaveFor(one, "signup", brought()))(event);
  } }, `Make an account with ${one.name}`);
  return h("div", { class: "ways" },
    why ? h("p", { class: "note" }, why) : h("button", { type: "button", class: "primary", onclick: act("Signing in…", () => signIn().then(entered)) }, "Sign in with a passkey"),
    told.providers.map((one) => h("button", { type: "button", class: why ? "primary" : "", onclick: act(going(one), () => leaveFor(one, "signin", "")) }, `Sign in with ${one.name}`)),
    (told.signup === "off" && !invite) || (why && !told.providers.length) ? null : h("form", { onsubmit: why ? (/** @type {Event} */ event) => event.preventDefault() : join },
      told.signup === "open" && !invite ? null : [h("label", { for: "invite" }, "Invite"), field],
      h("div", { class: "row" }, why ? null : h("button", { type: "submit" }, "Make an account with a passkey"), told.providers.map(joining))),
    h("details", {}, h("summary", {}, "My passkey is lost"), h("form", { onsubmit: act("Signing in…", () => recover(code.value).then(entered)) },
      h("label", { for: "recovery" }, "Recovery code"), code, h("button", { type: "submit" }, "Sign in with the code"))),
    busy, said);
}

/** @param {HTMLElement} root @param {string} made @param {() => void} entered */
export function firstKey(root, made, entered) {
  const on = h("button", { type: "button", class: "primary", onclick: entered }, "I have it");
  root.replaceChildren(h("section", { class: "card narrow newkey" }, h("h1", {}, "Your API key"),
    h("p", {}, "Programs and workers use the network with it. Copy it now: it is not shown again, but you can always regenerate it on the account page, where you should also make recovery codes."),
    secret("Key", made), on));
  on.focus();
}

/**
 * @param {ApiError | null} error
 * @param {() => void} entered
 */
function keyForm(error, entered) {
  const field = h("input", {
    id: "key", type: "password", name: "key", autocomplete: "off", spellcheck: "false", required: true,
    placeholder: "sk-sn-…", "aria-describedby": "key-note key-error",
  });
  const problem = h("p", { id: "key-error", class: "problem-line", role: "alert" }, error ? error.message : "");
  return h(
    "form",
    { onsubmit: (/** @type {Event} */ event) => enter(event, field, problem, entered) },
    h("label", { for: "key" }, "API key"),
    field,
    problem,
    h("button", { class: "primary", type: "submit" }, "Sign in"),
    h("p", { id: "key-note", class: "muted" }, "The key stays in this tab and is forgotten when you close it. The operator makes one with ",
      h("code", {}, "supernet-coordinator key create --name me"), "."),
  );
}

/**
 * @param {Event} event
 * @param {HTMLInputElement} field
 * @param {HTMLElement} problem
 * @param {() => void} entered
 */
async function enter(event, field, problem, entered) {
  event.preventDefault();
  const before = key.get();
  const given = field.value.trim();
  if (/[^\x21-\x7e]/.test(given)) {
    problem.textContent = "That is not a key: it holds characters that no key has.";
    return;
  }
  key.set(given);
  try {
    await json("/v1/network");
    entered();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (before) key.set(before);
    else key.forget();
    problem.textContent = error.message;
    field.select();
  }
}
