// One account as its operator sees it: money, use, keys, workers, payouts, holds, and what was done to it.

import { ApiError, json } from "../parts/api.js";
import { countingNote } from "../parts/counting.js";
import { daysChart, sumsChart } from "../parts/charts.js";
import { h } from "../parts/dom.js";
import { dollars, plural } from "../parts/format.js";
import { amounts } from "./accounts.js";
import { auditList } from "./audit.js";
import { holdsList, payoutRow } from "./money.js";
import { ask, button, field, figures, moment, paged, post } from "./pages.js";
import { workerRow } from "./workers.js";

const DAYS = 30;

/** @param {(error: ApiError) => void} failed @param {string} name */
export function accountPart(failed, name) {
  const body = h("div", { class: "network" });
  const path = `/v1/admin/accounts/${encodeURIComponent(name)}`;

  async function load() {
    try {
      const account = await json(path);
      const of = `account=${encodeURIComponent(account.id)}`;
      const [usage, workers, payouts] = await Promise.all([json(`/v1/account/usage?days=${DAYS}&${of}`), json(`/v1/account/workers?${of}`), json(`/v1/account/payouts?${of}&limit=50`)]);
      body.replaceChildren(
        head(account, path, load),
        keysCard(account, load),
        countingNote(usage.counted_until ?? workers.counted_until) ?? "",
        usageCard(usage.data),
        earnedCard(workers.data),
        h("section", { class: "card" }, h("h2", {}, "Connected now"), paged({ path: "/v1/admin/workers", params: { account: account.id }, empty: "No worker of this account is connected.", row: workerRow, failed })),
        h("section", { class: "card" }, h("h2", {}, "Payouts"), payouts.data.length ? h("ul", { class: "oprows" }, payouts.data.map((/** @type {any} */ one) => payoutRow(one, load))) : h("p", { class: "muted" }, "None was asked for.")),
        h("section", { class: "card" }, h("h2", {}, "Open holds"), holdsList(failed, { account: account.id })),
        h("section", { class: "card" }, h("h2", {}, "What operators did to it"), auditList(failed, { target: account.id })),
      );
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failed(error);
    }
  }
  load();
  return body;
}

/** @param {any} account @param {string} path @param {() => void} again */
function head(account, path, again) {
  return h("section", { class: "card" },
    h("h2", {}, account.name, account.disabled ? h("span", { class: "tag off" }, "disabled") : null),
    h("p", { class: "muted" }, `${account.id} · made ${moment(account.created)} · weight ${account.weight} · ${account.seen ? `last request ${moment(account.seen)}` : "no request yet"} · ${plural(account.passkeys, "passkey")}`),
    figures(amounts(account).map(([words, nano]) => [words, dollars(nano)])),
    h("div", { class: "row" },
      button("Grant…", () => grant(account, path, again)),
      button("Set weight…", () => weigh(account, path, again)),
      button(account.disabled ? "Enable…" : "Disable…", () => ask({
        title: account.disabled ? `Enable ${account.name}?` : `Disable ${account.name}?`,
        words: account.disabled ? "Its keys work again within a second." : "Within a second none of its keys works any more, its people are signed out, its requests end, and its workers are disconnected. Its money stays.",
        act: account.disabled ? "Enable" : "Disable",
        danger: !account.disabled,
        doing: () => post(path, { disabled: !account.disabled }),
        done: again,
      })),
      button("Invite into it…", () => inviteInto(account))));
}

/** @param {any} account @param {string} path @param {() => void} again */
function grant(account, path, again) {
  const once = crypto.randomUUID?.() ?? [...crypto.getRandomValues(new Uint32Array(4))].join("-"); // pressed twice, it books once
  const amount = h("input", { required: true, inputmode: "decimal", maxlength: 40, placeholder: "12.5" });
  const currency = h("select", {}, ["spark", "sogni"].map((name) => h("option", { value: name }, name)));
  const reason = h("select", {}, [["grant", "a present: to be spent here"], ["deposit", "paid in: what it buys can be paid out"], ["payout", "paid out: of what it has earned"]].map(([value, words]) => h("option", { value }, words)));
  const note = h("input", { maxlength: 200 });
  ask({
    title: `Book money for ${account.name}`,
    words: "The books keep it, with the reason and the note, and the audit log has your key. It is not undone by a button: book the opposite.",
    fields: [field("Amount", amount), field("Currency", currency), field("Reason", reason), field("Note", note)],
    act: "Book it",
    doing: () => post(`${path}/grants`, { amount: amount.value.trim(), currency: currency.value, reason: reason.value, note: note.value.trim() }, { "idempotency-key": once }),
    done: again,
  });
}

/** @param {any} account @param {string} path @param {() => void} again */
function weigh(account, path, again) {
  const weight = h("input", { type: "number", required: true, min: 0.01, max: 1000, step: "any", value: account.weight });
  ask({
    title: `The weight of ${account.name}`,
    words: "Where accounts compete for slots each gets its share by weight: one of 2 gets twice what one of 1 does.",
    fields: [field("Weight", weight)],
    act: "Set it",
    doing: () => post(path, { weight: Number(weight.value) }),
    done: again,
  });
}

/** @param {any} account */
function inviteInto(account) {
  const link_ = h("code", { class: "secret", role: "status" });
  ask({
    title: `An invite into ${account.name}`,
    words: "Whoever opens its link adds a passkey to this account, and can do all that its people can: give it only to them.",
    fields: [link_],
    act: "Make the link",
    doing: async () => {
      const made = await post("/v1/admin/invites", { account: account.id, note: "way back in" });
      link_.textContent = made.link;
      return "Copy the link now: it is not shown again.";
    },
    done: () => {},
  });
}

/** @param {any} account @param {() => void} again */
function keysCard(account, again) {
  const rows = account.key_list.map((/** @type {any} */ key) => h("li", {},
    h("div", {}, h("strong", {}, key.name), " ", h("code", {}, key.hint), key.revoked ? h("span", { class: "tag off" }, "revoked") : null,
      h("p", { class: "muted" }, [key.id, key.scopes.join(", "), `made ${moment(key.created)}`, key.expires ? `until ${moment(key.expires)}` : null].filter(Boolean).join(" · "))),
    key.revoked ? null : button("Revoke…", () => ask({
      title: `Revoke the key ${key.name}?`,
      words: "It works no more at once: its requests end, and workers that dialled with it are disconnected. It cannot be undone.",
      act: "Revoke",
      danger: true,
      doing: () => json(`/v1/admin/keys/${key.id}`, { method: "DELETE" }),
      done: again,
    }))));
  const left = account.key_total - account.key_list.length;
  return h("section", { class: "card" }, h("h2", {}, "Keys"), rows.length ? h("ul", { class: "oprows" }, rows) : h("p", { class: "muted" }, "It has none."), left ? h("p", { class: "muted" }, `${left} more that are older.`) : null);
}

/** @param {any[]} rows */
function usageCard(rows) {
  const cost = rows.reduce((sum, row) => sum + row.cost_nano_usd, 0);
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  return h("section", { class: "card usage" }, h("h2", {}, "Use"), h("p", { class: "muted" }, `${dollars(cost)} for ${plural(requests, "request")} in ${DAYS} days`),
    rows.length ? [daysChart(rows, DAYS), sumsChart("By model", rows, (/** @type {any} */ row) => row.model)] : null);
}

/** @param {any[]} rows */
function earnedCard(rows) {
  return h("section", { class: "card" }, h("h2", {}, "Workers that have earned"), rows.length
    ? h("ul", { class: "oprows" }, rows.slice(0, 200).map((row) => h("li", {}, h("div", {}, h("strong", {}, row.worker), h("p", { class: "muted" }, `${plural(row.jobs, "job")} · last ${moment(row.last)}`)),
      h("dl", { class: "opfigures" }, h("div", {}, h("dt", {}, "earned"), h("dd", {}, dollars(row.earned_nano_usd))), h("div", {}, h("dt", {}, "not matured"), h("dd", {}, dollars(row.escrow_nano_usd)))))))
    : h("p", { class: "muted" }, "None."));
}

