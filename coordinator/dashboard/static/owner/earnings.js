// What an owner's workers earned, by day and worker, beside the power that it took, and what became of it.

import { payoutsCard } from "../account/payouts.js";
import { ApiError, json, request } from "../parts/api.js";
import { fromAddress, toAddress } from "../parts/address.js";
import { countingNote } from "../parts/counting.js";
import { h, link, s } from "../parts/dom.js";
import * as file from "../parts/file.js";
import { compact, dollars, duration, plural, whole } from "../parts/format.js";
import { ownNames } from "./names.js";

const SPANS = [7, 30, 90, 365];
const WIDTH = 600, HEIGHT = 150, MOST_ROWS = 60, MOST_ASKED = 8;

export function earningsPage(root, { askForKey }) {
  const body = h("div", { class: "network single" });
  let gone = false, days = SPANS.find((span) => String(span) === fromAddress("days")) ?? 30, all = false, asked = 0;
  // It stays while the rest is made anew: who goes through the choices with the keyboard is not put out of it.
  const top = head(days, (span) => { days = span; toAddress({ days: String(span) }); load(); });
  root.append(body);

  async function load() {
    const mine = ++asked;
    try {
      const paths = [`/v1/account/earnings?days=${days}`, "/v1/account", "/v1/account/payouts"];
      const [told, account, payouts, network] = await Promise.all([...paths, "/v1/network"].map((path) => json(path)));
      const idle = await idleOnes(network.workers);
      if (gone || mine !== asked) return;
      const names = ownNames(network.workers);
      for (const row of told.data) row.called = names.get(row.worker_id) ?? row.worker;
      const show = () => { all = true; load().then(() => document.getElementById("by-day")?.focus()); };
      const at = document.activeElement?.id;
      const cards = [
        countingNote(told.counted_until),
        sumsCard(told),
        told.data.length ? chartCard(told) : emptyCard(),
        told.data.length ? workersCard(told.data) : null,
        idle.length ? idleCard(idle) : null,
        priceCard(told, load),
        payoutsCard(account, payouts.data, load) ?? nothingPaid(),
        told.data.length ? rowsCard(told.data, all, show) : null,
      ].filter((card) => card !== null);
      if (top.parentNode !== body) body.replaceChildren(top);
      while (top.nextSibling) top.nextSibling.remove();
      body.append(...cards);
      if (at && document.activeElement?.id !== at) document.getElementById(at)?.focus();
    } catch (error) {
      if (gone || mine !== asked) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) return askForKey(error.message.startsWith("You did not") ? null : error);
      body.replaceChildren(h("p", { class: "note", role: "alert" }, error.message));
    }
  }

  load();
  return () => (gone = true);
}

/** @param {number} days @param {(span: number) => void} choose */
function head(days, choose) {
  const span = h("select", { id: "span", onchange: () => choose(Number(span.value)) },
    SPANS.map((each) => h("option", { value: each, selected: each === days }, `last ${each} days`)));
  const said = h("p", { class: "problem-line", role: "alert" });
  const save = h("button", { type: "button", onclick: () => download(span.value).catch((error) => (said.textContent = error.message)) }, "CSV");
  return h("header", { class: "pagehead spread" }, h("h1", {}, "Earnings"),
    h("div", { class: "row" }, h("label", { for: "span" }, "Days (UTC)"), span, save), said);
}

async function download(days) {
  const response = await request(`/v1/account/earnings?days=${days}&format=csv`);
  file.save(await file.whole(response), `earnings-${days}-days.csv`);
}

// ---- sums -------------------------------------------------------------------------------------------------------

function sumsCard({ days, totals, data }) {
  const today = new Date().toISOString().slice(0, 10);
  const now = added(data.filter((row) => row.day === today));
  const power = totals.power_nano_usd;
  const items = [
    ["Earned", dollars(totals.earned_nano_usd), `${plural(totals.jobs, "job")}, ${compact(tokens(totals))} tokens`],
    ["Can become money", dollars(totals.payable_nano_usd), "paid with what clients paid in"],
    ["Credit", dollars(totals.credit_nano_usd), "paid with given tokens: to spend here"],
    ["Not yet matured", dollars(totals.escrow_nano_usd), "of both, held back for a while"],
    ["Power", powerWords(power, totals), energyWords(totals)],
    ...(power === null ? [] : [["Left after power", dollars(totals.earned_nano_usd - power), `in ${days} days`]]),
  ];
  return h("section", { class: "card" }, h("h2", {}, todayWords(now)),
    h("dl", { class: "figures money" }, items.map(([name, value, small]) => h("div", {}, h("dt", {}, name, h("small", {}, small)), h("dd", {}, value)))));
}

/** As in `supernet-worker --status`: earned $0.41, power $0.22 today. */
function todayWords(now) {
  return `Today: earned ${dollars(now.earned)}, power ${powerWords(now.power, now)}`;
}

/** @param {number | null} nano what the power cost @param {{energy_wh: number | null}} row */
function powerWords(nano, { energy_wh }) {
  if (nano !== null) return dollars(nano);
  return energy_wh === null ? "not known" : "without a price";
}

/** @param {{energy_wh: number | null, measured_s: number, online_s: number}} row */
function energyWords(row) {
  if (row.energy_wh === null) return row.online_s ? "no sensor tells what the GPUs draw" : "nothing was measured";
  const part = row.online_s > row.measured_s * 1.1 ? `, measured for ${duration(row.measured_s)} of ${duration(row.online_s)}` : "";
  return `${kwh(row.energy_wh)}${part}`;
}

const kwh = (/** @type {number} */ wh) => `${(wh / 1000).toFixed(wh < 10_000 ? 3 : 1)} kWh`;
const tokens = (/** @type {any} */ row) => row.prompt_tokens + row.completion_tokens;

/** The sums of some rows; power is known where one of them knows it. */
function added(rows) {
  const sum = { earned: 0, escrow: 0, jobs: 0, tokens: 0, online_s: 0, measured_s: 0, credit: 0, /** @type {number | null} */ power: null, /** @type {number | null} */ energy_wh: null };
  for (const row of rows) {
    sum.earned += row.earned_nano_usd;
    sum.credit += row.credit_nano_usd;
    sum.escrow += row.escrow_nano_usd;
    sum.jobs += row.jobs;
    sum.tokens += tokens(row);
    sum.online_s += row.online_s;
    sum.measured_s += row.measured_s;
    if (row.power_nano_usd !== null) sum.power = (sum.power ?? 0) + row.power_nano_usd;
    if (row.energy_wh !== null) sum.energy_wh = (sum.energy_wh ?? 0) + row.energy_wh;
  }
  return sum;
}

/** @param {any[]} rows @param {string} name of what they are put together by */
function grouped(rows, name) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(row[name]);
    if (group) group.push(row);
    else groups.set(row[name], [row]);
  }
  return groups;
}

// ---- by day -----------------------------------------------------------------------------------------------------

/** Two bars for each day: what was earned, of that the credit lighter, and what its power cost. */
function chartCard({ data, days, first_day: first }) {
  const byDay = grouped(data, "day");
  const start = Date.parse(first);
  const names = Array.from({ length: days }, (_, place) => new Date(start + place * 86_400_000).toISOString().slice(0, 10));
  const sums = names.map((day) => added(byDay.get(day) ?? []));
  const highest = Math.max(1, ...sums.map((sum) => Math.max(sum.earned, sum.power ?? 0)));
  const step = WIDTH / days, wide = Math.max(0.5, step * 0.42);
  const high = (/** @type {number} */ nano) => (nano ? Math.max(2, (nano / highest) * (HEIGHT - 4)) : 0);
  const bars = sums.flatMap((sum, place) => {
    const x = place * step, whole_ = high(sum.earned), credit = sum.earned ? (whole_ * sum.credit) / sum.earned : 0;
    const words = `${names[place]}: earned ${dollars(sum.earned)}${sum.power === null ? "" : `, power ${dollars(sum.power)}`}`;
    return [s("g", {}, s("title", {}, words),
      s("rect", { x, y: 0, width: step, height: HEIGHT, class: "touch" }),
      s("rect", { x, y: HEIGHT - whole_ + credit, width: wide, height: whole_ - credit, class: "earned" }),
      s("rect", { x, y: HEIGHT - whole_, width: wide, height: credit, class: "credit" }),
      s("rect", { x: x + wide, y: HEIGHT - high(sum.power ?? 0), width: wide, height: high(sum.power ?? 0), class: "power" }))];
  });
  return h("section", { class: "card" }, h("h2", {}, "By day"),
    h("figure", { class: "days income" },
      s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Earned and power of each of the last ${days} days, the highest ${dollars(highest)}. The table below has the figures.` }, bars),
      h("figcaption", {}, h("span", {}, names[0]), h("span", {}, `highest ${dollars(highest)} a day`), h("span", {}, "today"))),
    h("ul", { class: "keyline" }, [["earned", "earned"], ["credit", "of that credit"], ["power", "power"]].map(([kind, words]) =>
      h("li", {}, h("i", { class: kind, "aria-hidden": "true" }), words))));
}

function emptyCard() {
  return h("section", { class: "card" }, h("h2", {}, "Nothing yet"),
    h("p", {}, "No worker of this account earned anything in this time. ", link("/add-worker", {}, "Add a worker"), ", or see on its page what it waits for."));
}

// ---- by worker --------------------------------------------------------------------------------------------------

function workersCard(rows) {
  const workers = [...grouped(rows, "worker")].map(([, own]) => ({ name: own[0].called, id: own[0].worker_id, last: own[0].day, ...added(own) }));
  workers.sort((a, b) => b.earned - a.earned);
  return h("section", { class: "card keys" }, h("h2", {}, "By worker"), h("ul", { class: "keylist" }, workers.slice(0, MOST_ROWS).map((one) =>
    h("li", {},
      h("div", {}, link(`/workers/${one.id}`, {}, one.name), h("p", { class: "muted" }, `${plural(one.jobs, "job")}, ${compact(one.tokens)} tokens, last ${one.last}`)),
      h("div", {}, `earned ${dollars(one.earned)}, power ${powerWords(one.power, one)}`, h("small", { class: "muted" }, ` ${energyWords(one)}`))))));
}

function rowsCard(rows, all, show) {
  const shown = all ? rows : rows.slice(0, MOST_ROWS);
  const cells = (/** @type {any} */ row) => [row.day, row.called, whole(row.jobs), whole(tokens(row)), dollars(row.earned_nano_usd), dollars(row.payable_nano_usd), dollars(row.credit_nano_usd), dollars(row.escrow_nano_usd),
    row.energy_wh === null ? "–" : kwh(row.energy_wh), row.power_nano_usd === null ? "–" : dollars(row.power_nano_usd)];
  const names = ["Day", "Worker", "Jobs", "Tokens", "Earned", "Payable", "Credit", "Not matured", "Energy", "Power"];
  return h("section", { class: "card" }, h("h2", {}, "By day and worker"),
    h("div", { id: "by-day", class: "scroll", tabindex: 0, role: "region", "aria-label": "By day and worker" },
      h("table", { class: "rows" },
        h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, shown.map((row) => h("tr", {}, cells(row).map((text) => h("td", {}, text))))))),
    shown.length < rows.length ? h("button", { type: "button", onclick: show }, `Show all ${whole(rows.length)}`) : null);
}

/** Workers of this account that are here and have no jobs: why. */
async function idleOnes(workers) {
  const mine = workers.filter((one) => one.mine && one.status !== "busy").slice(0, MOST_ASKED);
  const found = await Promise.allSettled(mine.map((one) => json(`/v1/network/workers/${one.id}`)));
  return found.flatMap((one) => (one.status === "fulfilled" && one.value.idle ? [one.value] : []));
}

function idleCard(workers) {
  return h("section", { class: "card keys" }, h("h2", {}, "Why there are no jobs now"), h("ul", { class: "keylist" }, workers.map((one) =>
    h("li", {}, h("div", {}, link(`/workers/${one.id}`, {}, one.name), h("p", {}, one.idle.message), one.idle.remedy ? h("p", { class: "muted" }, one.idle.remedy) : null)))));
}

// ---- power, payouts ---------------------------------------------------------------------------------------------

function priceCard({ usd_per_kwh: price }, again) {
  const said = h("p", { class: "problem-line", role: "alert" });
  const field = h("input", { id: "kwh", inputmode: "decimal", maxlength: 16, value: price ?? "", placeholder: "0.32" });
  return h("section", { class: "card keys" }, h("h2", {}, "Electricity"),
    h("form", {
      onsubmit: async (event) => {
        event.preventDefault();
        said.textContent = "";
        try {
          await json("/v1/account/electricity", { method: "POST", body: { usd_per_kwh: field.value.trim().replace(",", ".") || null } });
          await again();
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          said.textContent = error.message;
        }
      },
    }, h("div", { class: "row" }, h("label", { for: "kwh" }, "Dollars a kWh"), h("div", { class: "short" }, field), h("button", { type: "submit" }, "Save"))), said,
    h("p", { class: "muted" }, "Power is what the sensors of the GPUs told while a worker was connected: the whole card, also for your own use, and nothing of the rest of the machine. All days are shown at this price. Without a sensor it is not known."));
}

function nothingPaid() {
  return h("section", { class: "card" }, h("h2", {}, "Payouts"), h("p", { class: "muted" }, "Nothing can be paid out yet, and nothing was asked for."));
}
