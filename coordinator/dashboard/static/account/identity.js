// Who is signed in, and the ways in with a passkey or a code: what the browser's authenticator is asked and what it answers.

import { ApiError, json, session } from "../parts/api.js";

/** @typedef {{signup: "off" | "invite" | "open", origin: string, providers: {id: string, name: string}[], session: null | {account: string, name: string, csrf_token: string}}} Told */

const ADDRESS = /^[\d.]+$|:/; // as a host: nobody has a passkey for one
const BATCH = 2000; // hashes between two looks at the clock: the page stays usable

/** Asks the coordinator who is signed in here. Returns what it says. */
export async function recall() {
  /** @type {Told} */
  const told = await json("/identity");
  session.set(told.session?.csrf_token ?? "");
  return told;
}

/** Why there can be no passkeys in this page; "" if there can. */
export function hindrance(/** @type {Told} */ told) {
  if (location.origin !== told.origin) return `Passkeys belong to a name, not to an address: they work at ${told.origin}.`;
  if (ADDRESS.test(location.hostname)) return "Passkeys belong to a name, and this network has only an address.";
  if (!globalThis.PublicKeyCredential?.parseCreationOptionsFromJSON) return "This browser is too old for passkeys.";
  return "";
}

/**
 * Makes an account, or adds a passkey to the one that the invite is for. Returns its first key, if one was made.
 * @param {string} invite
 * @returns {Promise<string | null>}
 */
export async function signUp(invite) {
  const { options, work } = await post("/identity/signup/options", invite ? { invite } : {});
  const credential = await made(options);
  const nonce = work ? await solved(work) : undefined;
  const entered = await post("/identity/signup", { credential, nonce });
  session.tell(entered.csrf_token);
  return entered.key;
}

export async function signIn() {
  const { options } = await post("/identity/signin/options", {});
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const credential = await asked(() => navigator.credentials.get({ publicKey }));
  session.tell((await post("/identity/signin", { credential })).csrf_token);
}

/** @param {string} code */
export async function recover(code) {
  session.tell((await post("/identity/recover", { code })).csrf_token);
}

export async function signOut() {
  await post("/identity/signout", {});
  session.tell("");
}

/** One passkey more, for who is signed in. @param {string} name */
export async function addPasskey(name) {
  const { options, sealed } = await post("/v1/account/passkey-options", {});
  await post("/v1/account/passkeys", { credential: await made(options), sealed, name });
}

/** @param {string} path @param {unknown} body @returns {Promise<any>} */
const post = (path, body) => json(path, { method: "POST", body });

/** @param {any} options */
function made(options) {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  return asked(() => navigator.credentials.create({ publicKey }));
}

/**
 * The credential as JSON. Throws ApiError if the person or the device says no.
 * @param {() => Promise<Credential | null>} ask
 */
async function asked(ask) {
  try {
    const credential = /** @type {PublicKeyCredential} */ (await ask());
    return credential.toJSON();
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;
    const why = error.name === "InvalidStateError" ? "This device has a passkey of the account already." : "No passkey was given: the dialog was closed, or took too long.";
    throw new ApiError(0, { code: "no_passkey", message: why });
  }
}

/**
 * A number that makes the hash of `seed.number` begin with `bits` zeros: the price of an account without an invite.
 * @param {{seed: string, bits: number}} work
 */
export async function solved({ seed, bits }) {
  const encoder = new TextEncoder();
  for (let from = 0; ; from += BATCH) {
    const numbers = Array.from({ length: BATCH }, (_, place) => String(from + place));
    const hashes = await Promise.all(numbers.map((number) => crypto.subtle.digest("SHA-256", encoder.encode(`${seed}.${number}`))));
    const found = hashes.findIndex((hash) => new DataView(hash).getUint32(0) >>> (32 - bits) === 0);
    if (found >= 0) return numbers[found];
  }
}
