// The network as it is now: one stream, kept up to date, told to whoever listens. It rests while nobody looks.

import { ApiError, events, request } from "../parts/api.js";

const FIRST_WAIT_S = 1;
const MAX_WAIT_S = 30;
const POINTS = 180;

/**
 * Calls `show(network, now)` at each change, where `network.workers` is a Map by id, and `trouble(error)` when the
 * stream is gone (null: it is back). Returns a function that ends it.
 * @param {(network: any, now?: number) => void} show
 * @param {(error: ApiError | null) => void} trouble
 */
export function watchNetwork(show, trouble) {
  /** @type {any} */
  let network = null;
  let stop = new AbortController();
  let ended = false;

  /** @param {AbortSignal} signal */
  async function follow(signal) {
    const response = await request("/v1/network/events", { signal });
    trouble(null);
    for await (const { data } of events(response)) {
      if (!data) continue;
      network = apply(network, JSON.parse(data));
      if (network) show(network);
    }
  }

  /** @param {AbortSignal} signal */
  async function run(signal) {
    let wait = FIRST_WAIT_S;
    while (!signal.aborted) {
      const begun = Date.now();
      try {
        await follow(signal);
        trouble(new ApiError(0, { code: "ended", message: "The coordinator has ended the stream." }));
      } catch (error) {
        if (signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(0, { message: "The line to the coordinator broke." });
        trouble(told);
        if (told.status === 401 || told.status === 403) return;
        wait = Math.max(wait, told.retryAfter);
      }
      if (Date.now() - begun > 10_000) wait = FIRST_WAIT_S;
      await pause(wait * (0.5 + Math.random()), signal);
      wait = Math.min(MAX_WAIT_S, wait * 2);
    }
  }

  function visible() {
    stop.abort();
    if (document.hidden || ended) return;
    stop = new AbortController();
    run(stop.signal);
  }

  document.addEventListener("visibilitychange", visible);
  visible();
  return () => {
    ended = true;
    document.removeEventListener("visibilitychange", visible);
    stop.abort();
  };
}

/**
 * The next state out of the last one and an event; null for a change of what is not known.
 * @param {any} before
 * @param {any} event
 */
export function apply(before, event) {
  if (event.object === "network") {
    return { ...event, workers: new Map(event.workers.map((worker) => [worker.id, worker])) };
  }
  if (!before) return null;
  const workers = new Map(before.workers);
  for (const id of event.gone) workers.delete(id);
  for (const worker of event.workers) workers.set(worker.id, worker);
  const history = [...before.history, event.totals.tokens_per_second].slice(-POINTS);
  return { ...event, history, workers };
}

/**
 * @param {number} seconds
 * @param {AbortSignal} signal cuts it short
 * @returns {Promise<void>}
 */
function pause(seconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
