// Who did what: every act of an operator, over HTTP, on these pages and at the command line.

import { ApiError } from "../parts/api.js";
import { fromAddress, toAddress } from "../parts/address.js";
import { h } from "../parts/dom.js";
import { moment, paged } from "./pages.js";

const KINDS = [["", "every act"], ["grant", "grants"], ["payout", "payouts"], ["account", "accounts"], ["key", "keys"], ["invite", "invites"], ["worker", "workers"], ["media", "media"], ["bonus", "bonuses"], ["earnings", "earnings"]];

/** @param {(error: ApiError) => void} failed */
export function auditPart(failed) {
  const place = h("div", {});
  const fields = [["actor", "Id of the key that did it"], ["target", "Id of an account, key, invite or worker"]].map(([name, words]) => h("input", { "data-name": name, maxlength: 200, placeholder: words, "aria-label": words, value: fromAddress(name) }));
  const show = () => {
    const given = fields.filter((input) => input.value.trim()).map((input) => [input.dataset.name ?? "", input.value.trim()]);
    place.replaceChildren(auditList(failed, Object.fromEntries(given)));
  };
  const sought = () => {
    toAddress(Object.fromEntries(fields.map((input) => [input.dataset.name ?? "", input.value.trim()])));
    show();
  };
  show();
  return h("section", { class: "card" }, h("h2", {}, "Audit log"),
    h("form", { class: "opline", onsubmit: (/** @type {Event} */ event) => (event.preventDefault(), sought()) }, fields, h("button", { type: "submit" }, "Filter")), place);
}

/** @param {(error: ApiError) => void} failed @param {Record<string, string>} params */
export function auditList(failed, params) {
  return paged({
    path: "/v1/admin/audit",
    params,
    choices: [{ name: "action", label: "Which acts", options: /** @type {[string, string][]} */ (KINDS) }],
    more: "before",
    empty: "Nothing was done.",
    row: (deed) => h("li", {},
      h("div", {}, h("strong", {}, deed.action), ` ${deed.target_name || deed.target}`, h("p", { class: "muted" }, [deed.detail, deed.target_name ? deed.target : null].filter(Boolean).join(" · "))),
      h("div", { class: "muted opwhen" }, `${moment(deed.at)} by ${deed.actor_name || deed.actor}`, deed.actor_name ? h("p", {}, deed.actor) : null)),
    failed,
  });
}
