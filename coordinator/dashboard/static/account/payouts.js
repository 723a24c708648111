// Earnings in money: what can be asked for, and what became of what was.

import { ApiError, json } from "../parts/api.js";
import { h, once } from "../parts/dom.js";
import { dollars } from "../parts/format.js";

const WORDS = {
  asked: "waits for the operator",
  approved: "approved, not yet sent",
  sent: "sent",
  refused: "refused: it stays yours",
  withdrawn: "withdrawn",
  returned: "could not be sent: it is yours again",
};

/** Null for an account that has nothing to be paid out and never asked for anything. `again` loads the page anew. */
export function payoutsCard({ balances }, payouts, again) {
  const waiting = new Set(payouts.filter((one) => one.state === "asked").map((one) => one.currency));
  const able = Object.entries(balances).filter(([currency, amounts]) => amounts.earned?.nano_usd && !waiting.has(currency));
  if (!able.length && !payouts.length) return null;
  const said = h("p", { class: "problem-line", role: "alert" });
  const send = async (path, body) => {
    said.textContent = "";
    try {
      await json(path, { method: "POST", ...(body ? { body } : {}) });
      await again();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      said.textContent = error.message;
    }
  };
  return h("section", { class: "card keys" }, h("h2", {}, "Payouts"), said,
    able.map(([currency, amounts]) => askForm(currency, amounts.earned, (body) => send("/v1/account/payouts", body))),
    h("ul", { class: "keylist" }, payouts.map((one) => row(one, () => send(`/v1/account/payouts/${one.id}/withdraw`)))));
}

function askForm(currency, earned, ask) {
  const amount = h("input", { id: `payout-${currency}`, inputmode: "decimal", value: earned[currency], maxlength: 40, required: true });
  const address = h("input", { id: `payout-to-${currency}`, maxlength: 200, required: true, placeholder: "account or wallet" });
  return h("form", {
    class: "makekey",
    onsubmit: once(() => ask({ currency, amount: amount.value.trim(), address: address.value.trim() })),
  }, h("div", { class: "row" },
    h("label", { for: amount.id }, `Ask for ${currency}`), amount,
    h("label", { for: address.id }, "sent to"), address,
    h("button", { type: "submit", class: "primary" }, "Ask for a payout")));
}

function row(payout, withdraw) {
  const when = new Date(payout.changed * 1000).toISOString().slice(0, 10);
  const facts = [`to ${payout.address}`, when, payout.note].filter(Boolean).join(" · ");
  return h("li", {},
    h("div", {}, h("strong", {}, `${payout[payout.currency]} ${payout.currency}`), ` (${dollars(payout.nano_usd)}) ${WORDS[payout.state] ?? payout.state}`, h("p", { class: "muted" }, facts)),
    payout.state === "asked" ? h("button", { type: "button", onclick: once(withdraw) }, "Withdraw") : null);
}
