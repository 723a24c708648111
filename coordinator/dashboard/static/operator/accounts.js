// All accounts, searched and sorted by the server.

import { ApiError } from "../parts/api.js";
import { h, link } from "../parts/dom.js";
import { dollars, plural } from "../parts/format.js";
import { moment, paged } from "./pages.js";

/** @param {(error: ApiError) => void} failed */
export function accountsPart(failed) {
  return h("section", { class: "card" }, h("h2", {}, "Accounts"), paged({
    path: "/v1/admin/accounts",
    search: "Name, id, or id of a key",
    choices: [
      { name: "sort", label: "Sorted by", options: [["created&order=desc", "newest first"], ["name&order=asc", "by name"], ["balance&order=desc", "most to spend"], ["owed&order=desc", "most owed"], ["seen&order=desc", "seen last"]] },
      { name: "disabled", label: "Which", options: [["any", "all"], ["false", "in use"], ["true", "disabled"]] },
    ],
    empty: "No account is like that.",
    row: accountRow,
    failed,
  }));
}

/** @param {any} one */
function accountRow(one) {
  const facts = [one.id, plural(one.keys, "key"), one.passkeys ? plural(one.passkeys, "passkey") : null, one.seen ? `last request ${moment(one.seen)}` : "no request yet"];
  return h("li", { "data-id": one.id },
    h("div", {}, link(`/operator/accounts/${one.id}`, { class: "title" }, one.name), one.disabled ? h("span", { class: "tag off" }, "disabled") : null,
      h("p", { class: "muted" }, facts.filter(Boolean).join(" · "))),
    h("dl", { class: "opfigures" }, amounts(one).map(([words, nano]) => h("div", {}, h("dt", {}, words), h("dd", {}, dollars(nano))))));
}

/** @param {any} one @returns {[string, number][]} */
export const amounts = (one) => [["to spend", one.spendable_nano_usd], ["held", one.held_nano_usd], ["owed", one.owed_nano_usd], ["credit", one.credit_nano_usd]];
