// What the account has asked for: a table to look through, each request in full, and the same as a file. No text is
// stored of any, so none is shown.

import { ApiError, json, request } from "../parts/api.js";
import { keepPages, pagesBefore } from "../parts/address.js";
import { h, link, once } from "../parts/dom.js";
import * as file from "../parts/file.js";
import { dollars, plural, whole, words } from "../parts/format.js";

const LIST = "/v1/account/requests";
const PAGE = 50;
const STATUSES = [["", "Any"], ["finished", "Finished"], ["failed", "Errors"], ["cancelled", "Client left"], ["running", "Running"]];
const TIMES = [["", "Any time"], ["3600", "Last hour"], ["86400", "Last day"], ["604800", "Last week"], ["2592000", "Last 30 days"]];
const FIELDS = ["request_id", "status", "model", "key", "since", "from", "to"];

/** @type {import("../main.js").Page} */
export function requestsPage(root, { askForKey }) {
  const body = h("div", { class: "network" });
  const stop = new AbortController();
  root.append(body);

  async function load() {
    try {
      const options = { signal: stop.signal };
      const [keys, models] = await Promise.all([json("/v1/account/keys", options), json("/v1/account/usage?days=30", options)]);
      const names = [...new Set(models.data.map((/** @type {{model: string}} */ row) => row.model))].sort();
      const list = new List(names, keys.data, stop.signal);
      body.replaceChildren(head(), list.node);
      await list.show(pagesBefore(LIST));
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return askForKey(error.message.startsWith("You did not") ? null : error);
      body.replaceChildren(head(), h("p", { class: "note", role: "alert" }, error.message));
    }
  }

  load();
  return () => stop.abort();
}

function head() {
  return h("header", { class: "pagehead" }, h("h1", {}, "My requests"),
    h("p", { class: "muted" }, "Every request of this account that was taken on, with its times, tokens and cost. What was said in it is not stored. ", link("/account", {}, "Sums by day"), " are on the account's page."));
}

/** The filters and what they find. The filters are in the address, so that a view can be kept and sent. */
class List {
  /** @param {string[]} models @param {{id: string, name: string}[]} keys @param {AbortSignal} signal */
  constructor(models, keys, signal) {
    this.signal = signal;
    this.after = "";
    this.pages = 0; // that are shown
    this.run = 0;
    const query = new URLSearchParams(location.search);
    const pick = (name, text, options) => field(name, text, select(name, options, query.get(name) ?? ""));
    const type = (name, text, props) => field(name, text, h("input", { id: `of-${name}`, name, value: query.get(name) ?? "", ...props }));
    this.form = h("form", { class: "filters", onsubmit: (event) => this.#submit(event) },
      type("request_id", "Request id", { placeholder: "req_… or chatcmpl-…", maxlength: 128, autocomplete: "off", spellcheck: "false" }),
      pick("status", "End", STATUSES),
      pick("model", "Model", [["", "Any"], ...models.map((name) => [name, name])]),
      pick("key", "Key", [["", "Any"], ...keys.map((key) => [key.id, key.name || key.id])]),
      pick("since", "Time", TIMES),
      type("from", "From day", { type: "date" }), type("to", "To day", { type: "date" }),
      h("div", { class: "row" }, h("button", { class: "primary", type: "submit" }, "Find"),
        h("button", { type: "button", onclick: () => this.#clear() }, "Clear"),
        (this.file = h("button", { type: "button", onclick: once(() => this.#save()) }, "Save as CSV"))));
    this.form.addEventListener("change", (event) => event.target instanceof HTMLSelectElement && this.#submit(event));
    this.rows = h("tbody", {});
    this.said = h("p", { class: "muted", role: "status" });
    this.problem = h("p", { class: "problem-line", role: "alert" });
    this.more = h("button", { type: "button", hidden: true, onclick: once(() => this.#next()) }, "Show older ones");
    const columns = ["Time", "Model", "End", "Tokens", "First token", "Total", "Cost"];
    this.table = h("table", { class: "asked" }, h("caption", {}, "Requests, the newest first"),
      h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))), this.rows);
    this.node = h("section", { class: "card requests" }, this.form, this.problem, this.said, this.table, h("div", { class: "row" }, this.more));
  }

  /** What is asked for, without the place. */
  get query() {
    const form = new FormData(this.form), query = new URLSearchParams();
    for (const name of ["request_id", "status", "model", "key"]) {
      const value = String(form.get(name) ?? "").trim();
      if (value) query.set(name, value);
    }
    const since = Number(form.get("since"));
    const from = since ? String(Math.floor(Date.now() / 1000) - since) : day(form.get("from"), 0);
    const to = day(form.get("to"), 1);
    if (from) query.set("from", from);
    if (to) query.set("to", to);
    return query;
  }

  /** The first page, and those behind it. @param {number} [pages] in all */
  async show(pages = 1) {
    this.after = "";
    this.pages = 0;
    this.rows.replaceChildren();
    for (let page = 1; page <= pages && (page === 1 || !this.more.hidden); page++) if (!(await this.#next())) return;
  }

  /** @param {Event} event */
  async #submit(event) {
    event.preventDefault();
    const form = new FormData(this.form), kept = new URLSearchParams();
    for (const name of FIELDS) if (String(form.get(name) ?? "").trim()) kept.set(name, String(form.get(name)).trim());
    history.replaceState(null, "", kept.size ? `/requests?${kept}` : "/requests");
    await this.show();
  }

  async #clear() {
    for (const one of this.form.elements) if (one instanceof HTMLInputElement || one instanceof HTMLSelectElement) one.value = "";
    history.replaceState(null, "", "/requests");
    await this.show();
  }

  /** One page more. Returns whether it is there, and the list still asked for. */
  async #next() {
    const run = ++this.run, query = this.query, first = !this.after;
    query.set("limit", String(PAGE));
    if (this.after) query.set("after", this.after);
    this.problem.textContent = "";
    try {
      const page = await json(`${LIST}?${query}`, { signal: this.signal });
      if (run !== this.run) return false; // another one was asked for meanwhile
      this.after = page.last_id ?? "";
      this.rows.append(...page.data.flatMap((asked) => row(asked, this.signal)));
      this.table.hidden = !this.rows.firstChild;
      this.more.hidden = !page.has_more;
      this.more.textContent = page.data.length < PAGE ? "Look further back" : "Show older ones";
      this.said.textContent = this.#words(page, first);
      if (!this.node.isConnected) return false; // left meanwhile: the history is another page's
      keepPages(LIST, ++this.pages);
      return true;
    } catch (error) {
      if (this.signal.aborted || run !== this.run) return false;
      if (!(error instanceof ApiError)) throw error;
      this.problem.textContent = error.message;
      return false;
    }
  }

  #words(page, first) {
    const count = this.rows.querySelectorAll("tr.one").length;
    if (count) return `${plural(count, "request")}${page.has_more ? ", and there may be older ones." : "."}`;
    if (page.has_more) return "None of the latest ones. Older ones have not been looked at yet.";
    return first && !this.query.size ? "Nothing was asked for yet. The playground, or a key and your own program, makes the first request." : "No request fits.";
  }

  /** Part after part into one file, so that nobody has to put them together. */
  async #save() {
    this.problem.textContent = "";
    const parts = [], query = this.query;
    query.set("format", "csv");
    try {
      for (let next = ""; ;) {
        if (next) query.set("after", next);
        const answer = await request(`${LIST}?${query}`, { signal: this.signal });
        const text = await (await file.whole(answer)).text();
        parts.push(next ? text.slice(text.indexOf("\r\n") + 2) : text);
        next = answer.headers.get("x-supernet-next-after") ?? "";
        this.file.textContent = next ? `Saving, part ${parts.length + 1}…` : "Save as CSV";
        if (!next) break;
      }
      file.save(csv(parts), "requests.csv");
    } catch (error) {
      if (this.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (parts.length) file.save(csv(parts), "requests-incomplete.csv");
      this.problem.textContent = parts.length ? `The file ends early: ${error.message}` : error.message;
    } finally {
      this.file.textContent = "Save as CSV";
    }
  }
}

/** @param {string} name @param {string} text @param {HTMLElement} input */
function field(name, text, input) {
  return h("div", { class: "field" }, h("label", { for: `of-${name}` }, text), input);
}

function select(name, options, value) {
  const known = options.some(([one]) => one === value) ? options : [...options, [value, value]];
  return h("select", { id: `of-${name}`, name }, known.map(([one, text]) => h("option", { value: one, selected: one === value }, text)));
}

/** A day of the person's own clock -> the Unix seconds at which it begins, or the one behind it. */
function day(text, later) {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(String(text ?? ""));
  return found ? String(Math.max(0, new Date(+found[1], +found[2] - 1, +found[3] + later).getTime() / 1000)) : "";
}

const csv = (/** @type {string[]} */ parts) => new Blob(parts, { type: "text/csv" });

const ms = (/** @type {number | null} */ time) => (time === null ? "–" : time < 10_000 ? `${whole(time)} ms` : `${(time / 1000).toFixed(1)} s`);
const when = (/** @type {number} */ at) => new Date(at).toLocaleString("en", { dateStyle: "medium", timeStyle: "medium" });

/** A line, and below it what it opens. */
function row(asked, signal) {
  const all = h("td", { colspan: 7 });
  const below = h("tr", { class: "whole", hidden: true }, all);
  const open = h("button", {
    type: "button", class: "quiet open", "aria-expanded": "false", "aria-label": `${when(asked.created_ms)}: details`,
    onclick: async () => {
      below.hidden = !below.hidden;
      open.setAttribute("aria-expanded", String(!below.hidden));
      if (below.hidden || all.firstChild) return;
      try {
        all.replaceChildren(details(await json(`${LIST}/${asked.id}`, { signal })));
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        all.replaceChildren(h("p", { class: "problem-line", role: "alert" }, error.message));
      }
    },
  }, when(asked.created_ms));
  const cell = (name, ...children) => h("td", { "data-name": name }, ...children);
  const what = asked.kind === "chat" ? null : h("small", { class: "muted" }, ` ${words(asked.kind)}`);
  const amount = asked.units ? plural(asked.units, "unit") : `${whole(asked.prompt_tokens)} + ${whole(asked.completion_tokens)}`;
  return [
    h("tr", { class: `one ${asked.status}` }, cell("Time", open), cell("Model", asked.model, what),
      cell("End", h("span", { class: "end", title: asked.told }, words(asked.finish ?? asked.status))), cell("Tokens", amount),
      cell("First token", ms(asked.ttft_ms)), cell("Total", ms(asked.total_ms)), cell("Cost", dollars(asked.cost.nano_usd))),
    below,
  ];
}

function details(whole_) {
  const facts = [
    ["How it ended", whole_.told], ["Request id", h("code", {}, whole_.id)],
    whole_.x_request_id === whole_.id ? null : ["x-request-id of its client", h("code", {}, whole_.x_request_id)],
    ["Key", whole_.key_name || whole_.key], ["Asked", whole_.stream ? "as a stream" : "whole"],
    ["In the queue", ms(whole_.queue_ms)], ["Workers asked", whole(whole_.attempts)],
    ["Prompt", `${plural(whole_.prompt_tokens, "token")}, ${whole(whole_.cached_tokens)} of them cached`],
    ["Answer", `${plural(whole_.completion_tokens, "token")}, ${whole(whole_.reasoning_tokens)} of them thought`],
    ["Cost", `${dollars(whole_.cost.nano_usd)} = ${whole_.cost.spark} spark (${whole(whole_.cost.nano_usd)} nano-dollars)`],
  ];
  const choice = (name, one) => h("li", {}, `${name}: ${words(one.finish)}, ${whole(one.prompt_tokens)} + ${whole(one.completion_tokens)} tokens, first after ${ms(one.ttft_ms)}, whole after ${ms(one.total_ms)}, ${plural(one.attempts, "worker")} asked${one.worker ? `, by ${one.worker}` : ""}, ${dollars(one.cost.nano_usd)}`);
  const part = (one) => h("li", {}, `${one.name.includes(".") ? words(one.kind) : `Round ${one.name}`} (${one.model}): ${one.told} ${dollars(one.cost.nano_usd)}`);
  const { data, rounds_and_calls: parts } = whole_;
  return h("div", { class: "details" },
    h("dl", {}, facts.filter((fact) => fact !== null).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    data.length > 1 || parts.length ? h("ul", {}, data.map((one, n) => choice(`Choice ${n + 1}`, one)), parts.map(part)) : null);
}
