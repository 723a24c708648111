// What one worker did in the last 30 days, day by day.

import { ApiError, json } from "../parts/api.js";
import { h, say } from "../parts/dom.js";
import { compact, plural, whole } from "../parts/format.js";
import { barsChart, figuresTable } from "../parts/over_time.js";

export class WorkerDays {
  constructor() {
    this.said = h("p", { class: "muted", role: "status" });
    this.body = h("div", {});
    this.node = h("section", { class: "card", "aria-labelledby": "worker-days" }, h("h2", { id: "worker-days" }, "Day by day"), this.said, this.body);
    this.shown = "";
  }

  /** @param {string} worker its public id @param {AbortSignal} signal */
  async load(worker, signal) {
    try {
      const { data } = await json(`/v1/network/workers/${worker}/history?days=30`, { signal });
      this.#show(data);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      say(this.said, error.message);
    }
  }

  #show(days) {
    const text = JSON.stringify(days);
    if (text === this.shown) return;
    this.shown = text;
    const sum = (/** @type {string} */ name) => days.reduce((/** @type {number} */ total, /** @type {any} */ day) => total + day[name], 0);
    const tokens = sum("prompt_tokens") + sum("completion_tokens"), units = sum("units");
    say(this.said, `In 30 days (UTC): ${plural(sum("requests"), "request")}, ${whole(sum("failed"))} failed, ${compact(tokens)} tokens`
      + `${units ? `, ${plural(units, "paid unit")}` : ""}, ${hours(sum("online_minutes"))} online.`);
    const requests = days.map((day) => ({
      name: day.day, value: day.requests, bad: day.failed,
      words: `${plural(day.requests, "request")}, ${whole(day.failed)} failed, ${whole(day.cancelled)} cancelled`,
    }));
    const served = days.map((day) => ({
      name: day.day, value: day.prompt_tokens + day.completion_tokens,
      words: `${whole(day.prompt_tokens)} tokens of prompts, ${whole(day.completion_tokens)} of answers`,
    }));
    const made = days.map((day) => ({ name: day.day, value: day.units, words: plural(day.units, "paid unit") }));
    const online = days.map((day) => ({
      name: day.day, value: day.online_minutes / 60, bad: (day.online_minutes - day.ready_minutes) / 60,
      words: `${hours(day.online_minutes)} online, ${hours(day.ready_minutes)} of it ready`,
    }));
    const head = ["Day", "Requests", "Failed", "Cancelled", "Prompt tokens", "Answer tokens", "Units", "Online", "Ready"];
    const rows = [...days].reverse().map((day) => [
      day.day, whole(day.requests), whole(day.failed), whole(day.cancelled), whole(day.prompt_tokens), whole(day.completion_tokens), whole(day.units),
      hours(day.online_minutes), hours(day.ready_minutes),
    ]);
    this.body.replaceChildren(
      h("div", { class: "halves" }, barsChart("Requests by day", requests), tokens || !units ? barsChart("Tokens by day", served) : null,
        units ? barsChart("Units by day", made) : null, barsChart("Hours online by day, and not ready", online, (value) => `${value.toFixed(1)} h`)),
      figuresTable("The figures of each day", head, rows));
  }
}

/** @param {number} minutes */
const hours = (minutes) => (minutes < 60 ? `${minutes} min` : `${(minutes / 60).toFixed(1)} h`);
