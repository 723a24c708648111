// All money of the network, what is owed and asked for, what is held, and whether the books add up.

import { ApiError, json } from "../parts/api.js";
import { h, link } from "../parts/dom.js";
import { dollars, duration, plural } from "../parts/format.js";
import { ask, button, field, figures, moment, paged, post } from "./pages.js";

const THEIRS = [["available", "given, to spend"], ["funded", "paid in, to spend"], ["held", "held for requests"], ["escrow", "earned, not matured"], ["earned", "earned, to be paid out"], ["credit", "earned with given tokens"]];
const OURS = [["revenue", "share of the platform"], ["deposits", "paid in, less paid out"], ["promotions", "given away"]];
const DECISIONS = {
  asked: [["approve", "Approve…", "The money leaves the books, so that it cannot be spent here while it is on its way. Send it, then say that it is sent."], ["refuse", "Refuse…", "It stays the owner's earnings. The owner reads your note."]],
  approved: [["sent", "Sent…", "Say so once the money has left your account. The owner reads your note, such as the transfer's number."], ["return", "Could not be sent…", "It becomes the owner's earnings again."]],
};

/** @param {(error: ApiError) => void} failed */
export function moneyPart(failed) {
  const sums = h("section", { class: "card" }, h("h2", {}, "Money"));
  json("/v1/admin/overview").then((all) => sums.append(...overview(all)), (error) => failed(error));
  return h("div", { class: "network" }, sums,
    h("section", { class: "card" }, h("h2", {}, "Payouts that wait"), payoutsList(failed)),
    h("section", { class: "card" }, h("h2", {}, "Open holds"), holdsList(failed, {})),
    booksCard(failed));
}

/** @param {any} all */
function overview(all) {
  const { approved, asked } = all.payouts;
  const owed = all.accounts.escrow.nano_usd + all.accounts.earned.nano_usd + approved.nano_usd;
  const { open, oldest } = all.holds;
  const signed = (/** @type {string} */ name) => all.platform[name].nano_usd * (name === "revenue" ? 1 : -1); // the sources are below zero
  return [
    figures([["owed to owners", dollars(owed)], ["payouts asked for", `${dollars(asked.nano_usd)} (${asked.count})`], ["approved, not sent", `${dollars(approved.nano_usd)} (${approved.count})`], ["open holds", `${open}${oldest ? `, the oldest ${duration(Date.now() / 1000 - oldest)}` : ""}`]]),
    h("h3", {}, "Accounts have"), figures(THEIRS.map(([name, words]) => [words, dollars(all.accounts[name].nano_usd)])),
    h("h3", {}, "The platform"), figures(OURS.map(([name, words]) => [words, dollars(signed(name))])),
  ];
}

/** @param {(error: ApiError) => void} failed */
function payoutsList(failed) {
  const rows = h("ul", { class: "oprows" });
  async function load() {
    try {
      const found = await Promise.all(["asked", "approved"].map((state) => json(`/v1/payouts?state=${state}&limit=200`)));
      const all = found.flatMap((page) => page.data);
      rows.replaceChildren(...(all.length ? all.map((one) => payoutRow(one, load)) : [h("li", { class: "muted" }, "None.")]));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failed(error);
    }
  }
  load();
  return rows;
}

/** @param {any} one @param {() => void} again */
export function payoutRow(one, again) {
  const can = DECISIONS[/** @type {keyof DECISIONS} */ (one.state)] ?? [];
  return h("li", { "data-id": one.id },
    h("div", {}, h("strong", {}, `${one[one.currency]} ${one.currency}`), ` (${dollars(one.nano_usd)}) ${one.state}`,
      h("p", { class: "muted" }, "of ", link(`/operator/accounts/${one.account}`, {}, one.account), ` · to ${one.address} · asked ${moment(one.asked)}${one.note ? ` · ${one.note}` : ""}`)),
    h("div", { class: "row" }, can.map(([decision, words, what]) => button(words, () => {
      const note = h("input", { maxlength: 200 });
      ask({
        title: `${words.slice(0, -1)}: ${one[one.currency]} ${one.currency} to ${one.address}`,
        words: what,
        fields: [field("Note", note)],
        act: words.slice(0, -1),
        danger: decision === "refuse" || decision === "return",
        doing: () => post(`/v1/payouts/${one.id}`, { decision, note: note.value.trim() }),
        done: again,
      });
    }))));
}

/** @param {(error: ApiError) => void} failed @param {Record<string, string>} params */
export function holdsList(failed, params) {
  return paged({
    path: "/v1/admin/holds",
    params,
    empty: "None is open.",
    row: (one) => h("li", {},
      h("div", {}, h("strong", {}, dollars(one.nano_usd)), ` for ${one.kind} of ${one.model}`,
        h("p", { class: "muted" }, "of ", link(`/operator/accounts/${one.account}`, {}, one.account_name || one.account), ` · ${one.job}`)),
      h("div", {}, `open for ${duration(one.age_s)}`)),
    failed,
  });
}

/** @param {(error: ApiError) => void} failed */
function booksCard(failed) {
  const said = h("div", { role: "status" }, "They have not been checked since this coordinator started.");
  let gone = false;
  /** @param {any} check */
  function show(check) {
    const when = check.started ? ` (${moment(check.started)}, ${check.seconds} s)` : "";
    /** @type {Record<string, string>} */
    const words = { ok: `All money adds up${when}.`, running: "The books are being checked…", wrong: `The books are wrong${when}:`, failed: `The check failed${when}:` };
    if (check.state === "never") return;
    said.replaceChildren(h("p", {}, words[check.state]), h("ul", {}, check.found.map((/** @type {string} */ line) => h("li", { class: "problem-line" }, line))));
    if (check.state === "running") setTimeout(() => !gone && said.isConnected && look(), 1000);
  }
  const look = (method = "GET") => json("/v1/admin/ledger-check", { method }).then(show, (error) => {
    gone = true;
    failed(error);
  });
  look();
  return h("section", { class: "card" }, h("h2", {}, "The books"), said, h("div", { class: "row" }, button("Check them now", () => look("POST"))));
}
