// An account: what it has, what it has used, by day, model and key, and its keys.

import { ApiError, json, key, session } from "../parts/api.js";
import { countingNote } from "../parts/counting.js";
import { daysChart, sumsChart } from "../parts/charts.js";
import { h, link, once, say } from "../parts/dom.js";
import { compact, dollars, plural } from "../parts/format.js";
import { ownNames } from "../owner/names.js";
import { keysCards } from "./keys.js";
import { invited } from "./signin.js";
import { invitesCard, leavingCard, passkeysCard } from "./people.js";
import { linksCard } from "./provider.js";
import { payoutsCard } from "./payouts.js";

const DAYS = 30;
const KINDS = [["available", "to spend"], ["held", "held for running requests"], ["given", "of that given"], ["escrow", "earned, not yet matured"], ["credit", "earned with given tokens, to spend here"], ["earned", "earned, matured"]];

export function accountPage(root, { askForKey }) {
  const body = h("div", { class: "network" });
  let gone = false;
  root.append(body);

  async function load() {
    try {
      const paths = ["/v1/account", `/v1/account/usage?days=${DAYS}`, "/v1/account/keys", "/v1/account/workers", "/v1/account/payouts"];
      const [account, usage, keys, workers, payouts] = await Promise.all(paths.map((path) => json(path)));
      const people = session.get() && !key.get() ? await Promise.all([json("/v1/account/passkeys"), json("/v1/account/invites"), json("/v1/account/links")]) : null;
      const own = people ? [passkeysCard(people[0], people[2], load), linksCard(people[2], people[0].data.length, load), invitesCard(people[1], load), leavingCard(left)] : [];
      const all = [people ? inviteNote() : null, ...page(account, usage, keys.data, workers, load, payoutsCard(account, payouts.data, load)), ...own];
      if (!gone) body.replaceChildren(...all.filter((card) => card !== null));
    } catch (error) {
      if (gone) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return askForKey(error.message.startsWith("You did not") ? null : error);
      body.replaceChildren(h("p", { class: "note", role: "alert" }, error.message));
    }
  }

  /** The account is deleted. */
  function left() {
    session.tell("");
    askForKey(new ApiError(0, { message: "The account is deleted." }));
  }

  load();
  return () => (gone = true);
}

/** For who came by an invite's link and is signed in already; null for all others. */
function inviteNote() {
  return invited(location.hash) ? h("p", { class: "note", role: "status" }, "The link brought an invite, and you are signed in already. Sign out to use it; else it stays good for somebody else.") : null;
}

function page(account, usage, keys, workers, again, payouts) {
  return [
    h("header", { class: "pagehead" }, h("h1", {}, account.name), h("p", { class: "muted" }, account.id, " · ", link("/alerts", {}, "Tell me when something is wrong"))),
    h("section", { class: "card" }, h("h2", {}, "Balance"), balance(account), actions(account, again)),
    countingNote(usage.counted_until ?? workers.counted_until),
    usageCard(usage.data),
    ...(workers.data.length ? [workersCard(workers.data)] : []),
    payouts,
    ...keysCards(keys, again),
  ];
}

function balance({ balances }) {
  const all = Object.values(balances);
  const total = (kind) => all.reduce((sum, amounts) => sum + (amounts[kind]?.nano_usd ?? 0), 0);
  return h("dl", { class: "figures money" }, KINDS.filter(([kind]) => kind === "available" || total(kind)).map(([kind, words]) =>
    h("div", {}, h("dt", {}, words, h("small", {}, inCurrencies(balances, kind))), h("dd", {}, dollars(total(kind))))));
}

/** The same amount, by the currency that it is kept in. */
function inCurrencies(balances, kind) {
  const parts = Object.entries(balances).filter(([, amounts]) => amounts[kind]?.nano_usd).map(([currency, amounts]) => `${amounts[kind][currency]} ${currency}`);
  return parts.join(", ");
}

/** What an owner gets of credit in money, in words. */
function paidOut(promotions) {
  return promotions?.day.nano_usd
    ? `Of credit (earned with given tokens), ${dollars(promotions.day.nano_usd)} a day can be paid out to all owners together, ${dollars(promotions.account.nano_usd)} at most to one; the oldest first, once a day.`
    : "Credit, earned with given tokens, is to be spent here: this network's operator pays nothing out of it.";
}

function actions({ bonus, balances, promotions }, again) {
  const said = h("p", { class: "problem-line", role: "alert" });
  const act = (path) => once(async () => {
    try {
      await json(path, { method: "POST" });
      await again();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      said.textContent = error.message;
    }
  });
  const earned = Object.values(balances).some((amounts) => amounts.earned?.nano_usd);
  const claim = bonus.claimable
    ? h("button", { type: "button", class: "primary", onclick: act("/v1/account/bonus") }, `Claim today's bonus of ${bonus.spark} spark`)
    : bonus.nano_usd ? h("span", { class: "muted" }, `Today's bonus is claimed; the next at ${new Date(bonus.next_at * 1000).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit" })}.`) : null;
  const credit = Object.values(balances).some((balance) => balance.credit?.nano_usd);
  const spend = earned ? h("button", { type: "button", onclick: act("/v1/account/earnings/spend?kind=earned") }, "Make what was earned spendable") : null;
  const spendCredit = credit ? h("button", { type: "button", onclick: act("/v1/account/earnings/spend?kind=credit") }, "Make the credit spendable") : null;
  const words = h("p", { class: "muted" }, paidOut(promotions));
  return h("div", {}, h("div", { class: "row" }, claim, spend, spendCredit), words, said);
}

/** Also of workers that are gone, which have no name any more. */
function workersCard(rows) {
  const names = rows.map((row) => link(`/workers/${row.worker_id}`, {}, row.worker));
  json("/v1/network").then(({ workers }) => {
    const known = ownNames(workers);
    rows.forEach((row, place) => say(names[place], known.get(row.worker_id) ?? row.worker));
  }).catch(() => {}); // it may be away, or too many look on: then the ids stay
  return h("section", { class: "card keys" }, h("h2", {}, "Workers"),
    h("ul", { class: "keylist" }, rows.map((row, place) => h("li", {},
      h("div", {}, h("strong", {}, names[place]), h("p", { class: "muted" }, `${plural(row.jobs, "job")} · last ${new Date(row.last * 1000).toISOString().slice(0, 10)}`)),
      h("div", {}, dollars(row.earned_nano_usd), row.escrow_nano_usd ? h("small", { class: "muted" }, ` ${dollars(row.escrow_nano_usd)} not yet matured`) : null)))));
}

function usageCard(rows) {
  const cost = rows.reduce((sum, row) => sum + row.cost_nano_usd, 0);
  const requests = rows.reduce((sum, row) => sum + row.requests, 0);
  const tokens = rows.reduce((sum, row) => sum + row.prompt_tokens + row.completion_tokens, 0);
  const head = h("p", { class: "muted" }, rows.length
    ? `${dollars(cost)} for ${plural(requests, "request")} and ${compact(tokens)} tokens in the last ${DAYS} days`
    : `Nothing was used in the last ${DAYS} days.`);
  const parts = rows.length
    ? [daysChart(rows, DAYS), h("div", { class: "halves" }, sumsChart("By model", rows, (row) => row.model), sumsChart("By key", rows, (row) => row.key_name || row.key))]
    : [];
  return h("section", { class: "card usage" }, h("h2", {}, "Usage"), head, parts, h("p", {}, link("/requests", {}, "Each request by itself")));
}
