// One model: what it is and costs, who serves it, and how that went in the last day and month.

import { ApiError, json } from "../parts/api.js";
import { copied } from "../parts/copy.js";
import { h, link, say } from "../parts/dom.js";
import { bytes, compact, plural, speed, whole } from "../parts/format.js";
import { barsChart, figuresTable, linesChart, percent, span, strip } from "../parts/over_time.js";
import { snippet } from "./snippet.js";
import { KINDS, abilities, pace, up, usd } from "./words.js";

const AGAIN_MS = 20_000;

export function modelPage(root, { askForKey, found }) {
  const body = h("div", { class: "network model" }, h("p", { class: "muted", role: "status" }, "Loading …"));
  root.append(body);
  let gone = false, timer = 0;
  /** @type {((model: any) => void) | null} */
  let update = null;

  async function load() {
    try {
      const model = await json(`/v1/network/models/${found}`);
      if (gone) return;
      if (update) update(model);
      else {
        document.title = `${model.name} · Supernet`;
        const now = nowCard(model);
        update = now.update;
        body.replaceChildren(...page(model, now.node));
      }
    } catch (error) {
      if (gone) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) return askForKey(error.message.startsWith("You did not") ? null : error);
      if (!update) body.replaceChildren(...missing(error, found));
      if (error.status === 404) return;
    }
    if (!gone) timer = setTimeout(load, AGAIN_MS);
  }

  load();
  return () => {
    gone = true;
    clearTimeout(timer);
  };
}

/** @param {string} found as it stands in the address */
function readable(found) {
  try {
    return decodeURIComponent(found);
  } catch {
    return found;
  }
}

/** What stands there for a model that cannot be shown. @param {ApiError} error @param {string} found */
function missing(error, found) {
  const title = error.status === 404 ? "No such model" : "This model cannot be shown now";
  document.title = `${title} · Supernet`;
  return [
    h("header", { class: "pagehead" }, h("h1", {}, title), h("p", { class: "muted" }, h("code", {}, readable(found)))),
    h("p", { class: "note", role: "alert" }, error.message),
    h("p", {}, link("/models", {}, "The models of this network")),
  ];
}

function page(model, now) {
  return [
    h("header", { class: "pagehead" }, h("h1", {}, model.name), h("p", { class: "muted" }, h("code", {}, model.id), ` · ${[KINDS[model.kind], ...abilities(model)].join(" · ")}`)),
    now,
    h("div", { class: "halves" }, priceCard(model), tryCard(model)),
    speedCard(model),
    uptimeCard(model),
    daysCard(model),
    h("div", { class: "halves" }, servingCard(model), sourceCard(model)),
  ];
}

const card = (title, ...rest) => {
  const id = `card-${title.toLowerCase().replaceAll(/[^a-z]+/g, "-")}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, title), ...rest);
};
const pair = (name, ...text) => h("div", {}, h("dt", {}, name), h("dd", {}, ...text));

/** What may have changed since: its numbers are written anew while the page is open. */
function nowCard(model) {
  const names = [["workers", "workers"], ["slots", "slots free"], ["waiting", "waiting"], ["requests", "requests in 24 h"], ["refused", "refused in 24 h"]];
  const numbers = Object.fromEntries(names.map(([name]) => [name, h("dd", { "data-figure": name })]));
  const node = h("section", { class: "card now", "aria-label": "Now" }, h("dl", { class: "figures" },
    names.map(([name, words]) => h("div", {}, h("dt", {}, words), numbers[name]))));
  function update(now) {
    const { demand } = now;
    say(numbers.workers, whole(now.workers_online));
    say(numbers.slots, `${whole(now.free_slots)} of ${whole(now.slots)}`);
    say(numbers.waiting, whole(demand.waiting));
    say(numbers.requests, whole(demand.requests_24h));
    say(numbers.refused, whole(demand.no_worker_24h + demand.turned_away_24h));
    numbers.refused.parentElement?.setAttribute("title", `${whole(demand.no_worker_24h)} as nobody served it, ${whole(demand.turned_away_24h)} as the queue was full or too slow; in 7 days ${whole(demand.no_worker_7d)} and ${whole(demand.turned_away_7d)}`);
  }
  update(model);
  return { node, update };
}

function priceCard(model) {
  const amounts = (name, all) => [name, usd(all.usd), all.spark, all.sogni];
  const { prices } = model;
  const rows = prices.per_unit
    ? [amounts(prices.unit, prices.per_unit)]
    : [amounts("a million tokens of a prompt", prices.prompt_per_million), amounts("a million tokens of an answer", prices.completion_per_million)];
  const limits = model.kind === "chat"
    ? [pair("Context", `${whole(model.max_context_length)} tokens`, model.context_length < model.max_context_length ? h("small", { class: "muted" }, ` now ${whole(model.context_length)} at most`) : null),
      pair("Longest answer", `${whole(model.max_output_tokens)} tokens`)]
    : Object.entries(model.limits).filter(([name]) => ["pixels", "seconds", "frames", "images"].includes(name)).map(([name, most]) => pair(`Most ${name}`, whole(most)));
  return card("Price and limits",
    h("table", {}, h("thead", {}, h("tr", {}, ["For", "Dollars", "Spark", "Sogni"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map((text) => h("td", {}, text)))))),
    h("dl", { class: "about" }, limits));
}

function tryCard(model) {
  const way = model.kind === "chat"
    ? link(`/playground?model=${encodeURIComponent(model.id)}`, { class: "button primary" }, "Try it in the playground")
    : null;
  return card("Try it", way, copied(snippet(model, location.origin)));
}

/** @type {[string, (row: any) => string][]} what only an answer in tokens has */
const CHATTED = [
  ["First token, half within", (row) => span(row.ttft_ms.p50)],
  ["95 % within", (row) => span(row.ttft_ms.p95)],
  ["Tokens/s, half at least", (row) => rate(row.tokens_per_second.p50)],
  ["95 % at least", (row) => rate(row.tokens_per_second.p5)],
  ["Fastest 5 %", (row) => rate(row.tokens_per_second.p95)],
];

/** How fast it was: of all that were served in a day and a month. */
function speedCard(model) {
  const chat = model.kind === "chat";
  /** @type {[string, (row: any) => string][]} */
  const columns = [
    ["Requests", (row) => whole(row.requests)],
    ...(chat ? CHATTED : []),
    ["Queue, 95 % within", (row) => span(row.queue_ms.p95)],
    ["Whole, half within", (row) => span(row.total_ms.p50)],
    ["95 % within", (row) => span(row.total_ms.p95)],
  ];
  const head = ["", ...columns.map(([words]) => words)];
  const rows = [["24 hours", model.day], ["30 days", model.month]].map(([name, row]) => [name, ...columns.map(([, told]) => told(row))]);
  const days = model.days.map((day) => ({
    name: day.day,
    low: chat ? day.ttft_ms.p50 : day.total_ms.p50,
    high: chat ? day.ttft_ms.p95 : day.total_ms.p95,
    words: `half within ${span(chat ? day.ttft_ms.p50 : day.total_ms.p50)}, 95 % within ${span(chat ? day.ttft_ms.p95 : day.total_ms.p95)}`,
  }));
  return card("Speed",
    h("p", { class: "muted" }, model.day.requests ? `In the last 24 hours: ${pace(model)}.` : "Nobody has asked for it in the last 24 hours."),
    h("div", { class: "scrolling", tabindex: 0, role: "region", "aria-label": "Speed in figures" }, h("table", { class: "speeds" },
      h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map((text) => h("td", {}, text))))))),
    linesChart(chat ? "Time to the first token by day: half, and 95 % of all" : "Time until it was made by day: half, and 95 % of all", days, span));
}

const rate = (/** @type {number | null} */ value) => (value === null ? "–" : speed(value));

function uptimeCard(model) {
  const days = model.days.map((day) => ({ name: day.day, share: day.uptime.share }));
  const { uptime } = model;
  const said = uptime.share === null ? "Nothing was measured yet." : `Served in ${percent(uptime.share)} of ${plural(uptime.minutes, "minute")} of the last ${uptime.days} days.`;
  return card("Uptime", h("p", { class: "muted" }, said), strip(days),
    h("p", { class: "ends muted" }, h("span", {}, days[0].name), h("span", {}, "today")));
}

function daysCard(model) {
  const chat = model.kind === "chat";
  const bad = (day) => day.failed + day.no_worker + day.turned_away;
  const requests = model.days.map((day) => ({
    name: day.day, value: day.requests + day.no_worker + day.turned_away, bad: bad(day),
    words: `${plural(day.requests, "request")}, ${whole(day.failed)} failed, ${whole(day.no_worker + day.turned_away)} refused`,
  }));
  const amount = (day) => (chat ? day.prompt_tokens + day.completion_tokens : day.units);
  const tokens = model.days.map((day) => ({
    name: day.day, value: amount(day),
    words: chat ? `${whole(day.prompt_tokens)} tokens of prompts, ${whole(day.completion_tokens)} of answers` : `${whole(day.units)} paid units`,
  }));
  const head = ["Day", "Requests", "Failed", "Client's fault", "Cancelled", "Refused", ...(chat ? ["Prompt tokens", "Answer tokens"] : ["Units"]), "Uptime"];
  const rows = [...model.days].reverse().map((day) => [
    day.day, whole(day.requests), whole(day.failed), whole(day.client_errors), whole(day.cancelled), whole(day.no_worker + day.turned_away),
    ...(chat ? [whole(day.prompt_tokens), whole(day.completion_tokens)] : [whole(day.units)]), day.uptime.share === null ? "–" : percent(day.uptime.share),
  ]);
  return card("Day by day", h("div", { class: "halves" }, barsChart("Requests by day", requests), barsChart(chat ? "Tokens by day" : "Units by day", tokens)),
    figuresTable("The figures of each day", head, rows));
}

function servingCard(model) {
  const { count, data } = model.serving;
  const rest = count - data.length;
  return card("Who serves it",
    count ? null : h("p", { class: "muted" }, "Nobody at this moment."),
    h("ul", { class: "keylist" }, data.map((worker) => {
      const name = worker.name ? link(`/workers/${worker.id}`, {}, worker.name) : h("span", {}, `worker ${worker.id}`);
      return h("li", {}, h("div", {}, name, h("p", { class: "muted" }, worker.gpu)), h("div", { class: "status", "data-status": worker.status }, worker.status));
    })),
    rest > 0 ? h("p", { class: "muted" }, `and ${plural(rest, "other")}`) : null);
}

function sourceCard(model) {
  const { source } = model;
  const from = source.repository
    ? h("a", { href: `https://huggingface.co/${source.repository}`, rel: "noreferrer noopener" }, source.repository)
    : source.package ?? "files of the operator's own";
  const files = source.files.map((file) => h("li", {}, h("code", {}, file.name), file.size_bytes ? ` ${bytes(file.size_bytes)}` : "", file.sha256 ? h("code", { class: "hash muted" }, file.sha256) : null));
  const claims = model.weights.map((weights) => h("li", {}, h("code", { class: "hash" }, weights.sha256), h("span", { class: "muted" }, ` say ${plural(weights.workers, "worker")}`)));
  return card("What is served",
    h("dl", { class: "about" },
      pair("From", from, source.repository && source.revision !== "main" ? ` at ${source.revision}` : ""),
      source.quantisation ? pair("Quantisation", source.quantisation) : null,
      pair("Licence", model.licence)),
    files.length ? h("ul", { class: "files" }, files) : null,
    claims.length ? h("div", {}, h("h3", {}, "Loaded, by their word"), h("ul", { class: "files" }, claims)) : null);
}
