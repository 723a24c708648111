// Which models are wanted: what waits, what was refused for want of a worker, and how many workers there are for it.

import { json } from "../parts/api.js";
import { h } from "../parts/dom.js";
import { compact, plural } from "../parts/format.js";

const MOST = 8;

/** Null where nothing is known of it. @param {AbortSignal} signal */
export async function wantedCard(signal) {
  const found = await json("/v1/network/models", { signal }).catch(() => null);
  if (!found?.data.length) return null;
  const models = found.data.map((/** @type {any} */ model) => ({ model, missed: missed(model.demand) }));
  models.sort((a, b) => b.missed - a.missed || b.model.demand.requests_7d - a.model.demand.requests_7d);
  return h("li", { class: "card" }, h("h2", {}, "Which model is wanted"),
    h("ul", { class: "facts" }, models.slice(0, MOST).map(({ model, missed: left }) => h("li", {}, h("strong", {}, model.id), `: ${words(model, left)}`))),
    h("p", { class: "muted" }, "What fits the machine, and how fast it is there, says ", h("code", {}, "supernet-worker --plan --model ID"), "."));
}

/** Requests that nobody served. @param {any} demand */
const missed = (demand) => demand.waiting + demand.no_worker_7d + demand.turned_away_7d;

/** @param {any} model @param {number} left */
function words({ demand, workers_online: workers }, left) {
  const served = `${plural(workers ?? 0, "worker")}, ${compact(demand.requests_7d)} served in 7 days`;
  return left ? `${compact(left)} waiting or refused in 7 days; ${served}` : served;
}
