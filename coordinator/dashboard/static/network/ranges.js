// The network over more than the last three minutes: an hour, a day, a month.

import { json } from "../parts/api.js";
import { h, say } from "../parts/dom.js";
import { compact, plural, whole } from "../parts/format.js";
import { barsChart, figuresTable, linesChart, percent, span } from "../parts/over_time.js";

/** @type {[string, string, (at: Date) => string][]} */
const RANGES = [
  ["1 h", "hours=1", (at) => at.toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })],
  ["24 h", "hours=24", (at) => at.toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" })],
  ["30 days", "days=30", (at) => at.toISOString().slice(0, 10)],
];

export class Ranges {
  constructor() {
    this.said = h("p", { class: "muted", role: "status" });
    this.body = h("div", {});
    this.chips = h("div", { class: "ranges", role: "group", "aria-label": "How long" }, RANGES.map((range, place) => this.#chip(range, place)));
    this.node = h("section", { class: "card", "aria-labelledby": "ranges-title" }, h("h2", { id: "ranges-title" }, "Over time"), this.chips, this.said, this.body);
    this.asked = 0;
  }

  /** @param {number} place of a range */
  async choose(place) {
    const [, query, name] = RANGES[place];
    [...this.chips.children].forEach((chip, other) => chip.setAttribute("aria-pressed", String(other === place)));
    const asked = ++this.asked;
    try {
      const history = await json(`/v1/network/history?${query}`);
      if (asked === this.asked) this.#show(history, name);
    } catch (error) {
      if (asked === this.asked) say(this.said, error instanceof Error ? error.message : String(error));
    }
  }

  #chip(range, place) {
    return h("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: () => this.choose(place) }, range[0]);
  }

  #show({ data, totals }, name) {
    const lost = totals.no_worker + totals.turned_away;
    say(this.said, `${plural(totals.requests, "request")}, ${compact(totals.prompt_tokens + totals.completion_tokens)} tokens, ${whole(totals.failed)} failed, ${whole(lost)} refused`
      + `${totals.ttft_ms.count ? `; the first token came within ${span(totals.ttft_ms.p50)} for half, ${span(totals.ttft_ms.p95)} for 95 %` : ""}.`);
    const points = data.map((point) => ({ ...point, name: name(new Date(point.at_ms)) }));
    const refused = (point) => point.no_worker + point.turned_away;
    const requests = points.map((point) => ({
      name: point.name, value: point.requests + refused(point), bad: point.failed + refused(point),
      words: `${plural(point.requests, "request")}, ${whole(point.failed)} failed, ${whole(refused(point))} refused`,
    }));
    const tokens = points.map((point) => ({
      name: point.name, value: point.prompt_tokens + point.completion_tokens,
      words: `${whole(point.prompt_tokens)} tokens of prompts, ${whole(point.completion_tokens)} of answers`,
    }));
    const workers = points.map((point) => ({
      name: point.name, value: point.workers ?? 0,
      words: point.workers === null ? "not measured" : `${point.workers} workers, ${point.ready} of them ready, ${point.waiting} waiting`,
    }));
    const first = points.map((point) => ({
      name: point.name, low: point.ttft_ms.p50, high: point.ttft_ms.p95, words: `half within ${span(point.ttft_ms.p50)}, 95 % within ${span(point.ttft_ms.p95)}`,
    }));
    const rows = [...points].reverse().map((point) => [
      point.name, whole(point.requests), whole(point.failed), whole(refused(point)), whole(point.prompt_tokens), whole(point.completion_tokens),
      point.workers === null ? "–" : String(point.workers), span(point.ttft_ms.p50), span(point.ttft_ms.p95), point.uptime.share === null ? "–" : percent(point.uptime.share),
    ]);
    this.body.replaceChildren(
      h("div", { class: "halves" }, barsChart("Requests", requests), barsChart("Tokens", tokens),
        barsChart("Workers", workers, (value) => String(value)), linesChart("Time to the first token: half, and 95 % of all", first, span)),
      figuresTable("The figures", ["From", "Requests", "Failed", "Refused", "Prompt tokens", "Answer tokens", "Workers", "First token, half", "95 %", "Served"], rows));
  }
}
