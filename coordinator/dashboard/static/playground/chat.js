// One answer of the API, from request to end: what has come of it so far, and how long it took.

import { ApiError, events, request } from "../parts/api.js";

/** An answer as far as it has come. Times in ms since the request was sent. */
export class Answer {
  constructor() {
    this.content = "";
    this.reasoning = "";
    /** @type {{id: string, name: string, arguments: string}[]} */
    this.calls = [];
    /** @type {Map<string, {name: string, status: string, percent: number, eta_seconds: number | null}>} */
    this.tools = new Map(); // calls that the network runs itself, by their ids
    /** @type {string[]} */
    this.warnings = [];
    /** @type {string | null} */
    this.finish = null;
    /** @type {any} */
    this.usage = null;
    /** @type {number | null} */
    this.place = null; // in the queue
    this.waitS = 0; // how long that may take; 0: not said
    /** @type {number | null} */
    this.firstMs = null;
    /** @type {number | null} */
    this.totalMs = null;
    this.begun = performance.now();
  }

  /**
   * One event of the stream. Throws ApiError when it tells of one.
   * @param {any} chunk
   */
  take(chunk) {
    if (chunk.error) throw new ApiError(200, chunk.error, 0);
    if (chunk.usage) this.usage = chunk.usage;
    const told = chunk.sogni_tool_progress;
    if (told) {
      this.tools.set(told.tool_call_id, told);
      this.place = null;
    }
    for (const result of chunk.sogni_tool_results ?? []) if (!result.success) this.warnings.push(`${result.name}: ${result.error}`);
    for (const choice of chunk.choices ?? []) {
      const delta = choice.delta ?? {};
      if (delta.reasoning_content) this.reasoning += delta.reasoning_content;
      if (delta.content) this.content += delta.content;
      for (const call of delta.tool_calls ?? []) this.#call(call);
      if (choice.warnings) this.warnings.push(...choice.warnings);
      if (choice.finish_reason) this.finish = choice.finish_reason;
      const something = delta.reasoning_content || delta.content || delta.tool_calls;
      if (something && this.firstMs === null) {
        this.firstMs = performance.now() - this.begun;
        this.place = null;
      }
    }
  }

  /** @param {{index: number, id?: string, function?: {name?: string, arguments?: string}}} piece */
  #call({ index, id, function: called = {} }) {
    const call = (this.calls[index] ??= { id: "", name: "", arguments: "" });
    if (id) call.id = id;
    if (called.name) call.name = called.name;
    if (called.arguments) call.arguments += called.arguments;
  }

  /** As a message for the next request. */
  message() {
    const calls = this.calls.map((call) => ({ id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } }));
    /** @type {{role: string, content: string | null, reasoning_content?: string, tool_calls?: typeof calls}} */
    const message = { role: "assistant", content: this.content || (calls.length ? null : "") };
    if (this.reasoning) message.reasoning_content = this.reasoning;
    if (calls.length) message.tool_calls = calls;
    return message;
  }

  /** What is being made for it at this moment. */
  get makings() {
    const running = [...this.tools.values()].filter(({ status }) => status === "queued" || status === "running");
    return this.totalMs === null ? running : [];
  }

  /** Tokens a second after the first; null while that cannot be said. */
  get tps() {
    const tokens = this.usage?.completion_tokens;
    if (!tokens || tokens < 2 || this.firstMs === null || this.totalMs === null || this.totalMs <= this.firstMs) return null;
    return (tokens - 1) / ((this.totalMs - this.firstMs) / 1000);
  }
}

const QUEUED = /queued, place (\d+)(?:, about (\d+) s)?/;

/**
 * Asks, and calls `changed(answer)` at every event. Throws ApiError or AbortError; what came stays in `answer`.
 * @param {object} body
 * @param {Answer} answer
 * @param {(answer: Answer) => void} changed
 * @param {AbortSignal} signal
 */
export async function ask(body, answer, changed, signal) {
  const whole = { ...body, stream: true, stream_options: { include_usage: true, include_tool_progress: true } };
  let ended = false;
  try {
    const response = await request("/v1/chat/completions", { method: "POST", body: whole, signal });
    for await (const { comment, data } of events(response)) {
      if (comment !== undefined) {
        const found = QUEUED.exec(comment);
        if (found) {
          answer.place = Number(found[1]);
          answer.waitS = Number(found[2] ?? 0);
        }
      } else if (data === "[DONE]") ended = true;
      else if (data !== undefined) answer.take(JSON.parse(data));
      changed(answer);
    }
  } finally {
    answer.totalMs = performance.now() - answer.begun;
    answer.place = null;
  }
  if (!ended) throw new ApiError(0, { code: "cut", message: "The answer was cut off: the line to the coordinator broke." });
}
