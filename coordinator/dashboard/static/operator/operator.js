// What the operator of the network sees and does: money, accounts, workers, problems, invites, and who did what.

import { ApiError } from "../parts/api.js";
import { decoded, h, link } from "../parts/dom.js";
import { accountPart } from "./account.js";
import { accountsPart } from "./accounts.js";
import { auditPart } from "./audit.js";
import { invitesPart } from "./invites.js";
import { moneyPart } from "./money.js";
import { problemsPart, workersPart } from "./workers.js";

/** @typedef {(failed: (error: ApiError) => void, name: string) => HTMLElement} Part */

/** @type {[string, string, Part][]} */
const PARTS = [
  ["", "Money", moneyPart],
  ["accounts", "Accounts", accountsPart],
  ["workers", "Workers", workersPart],
  ["problems", "Problems", problemsPart],
  ["invites", "Invites", invitesPart],
  ["audit", "Audit log", auditPart],
];

/** @param {HTMLElement} root @param {import("../main.js").Shell} shell */
export function operatorPage(root, { found, askForKey }) {
  const [name, one] = (found ?? "").split("/");
  const known = PARTS.find(([path]) => path === name);
  let gone = false;
  const said = h("p", { class: "note", role: "alert", hidden: true });
  /** @param {ApiError} error */
  const failed = (error) => {
    if (gone) return;
    if (error.status === 401) return askForKey(error.message.startsWith("You did not") ? null : error);
    said.hidden = false;
    said.textContent = error.status === 403 ? "This page is for a key with the scope admin: sign out, and sign in with such a key." : error.message;
    if (error.status === 403) part.remove();
  };
  const tabs = h("nav", { class: "optabs", "aria-label": "Parts of the operator's page" },
    PARTS.map(([path, words]) => link(path ? `/operator/${path}` : "/operator", { class: "chip", "aria-current": path === name ? "page" : null }, words)));
  const account = decoded(one ?? "");
  const part = known && account !== null && (!one || name === "accounts") ? (one ? accountPart : known[2])(failed, account) : h("p", { class: "note" }, "There is nothing here.");
  root.append(h("div", { class: "network operator" }, h("header", { class: "pagehead" }, h("h1", {}, "Operator")), tabs, said, part));
  return () => {
    gone = true;
  };
}
