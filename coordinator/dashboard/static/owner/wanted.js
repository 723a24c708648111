// Which model to serve: how wanted each is, and which of them fit a card of a size that is chosen here.

import { price } from "../models/words.js";
import { ApiError, json } from "../parts/api.js";
import { h, link, say } from "../parts/dom.js";
import { bytes, compact, plural, whole } from "../parts/format.js";

const MOST = 8;
const CARDS = [4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 80, 96, 141];
const MEMORIES = [8, 16, 32, 64, 128, 256];
const PLACES = { gpu: "on the GPU", split: "partly, slower", cpu: "on the CPU, slow" };

/** Null where nothing is known of it. @param {AbortSignal} signal */
export async function wantedCard(signal) {
  const found = await json("/v1/network/models", { signal }).catch(() => null);
  if (!found?.data.length) return null;
  const gpu = select("fits-gpu", [["", "any"], ["0", "no GPU"], ...CARDS.map((size) => [String(size), `${size} GB`])], "");
  const ram = select("fits-ram", MEMORIES.map((size) => [String(size), `${size} GB`]), "32");
  const said = h("p", { class: "muted", role: "status" });
  const body = h("div", {}, mostWanted(found.data));
  let asked = 0;
  const look = async () => {
    const own = ++asked;
    say(said, "");
    try {
      const rows = gpu.value === "" ? null : (await json(`/v1/network/models?gpu_gb=${gpu.value}&ram_gb=${ram.value}`, { signal })).data;
      if (own !== asked) return;
      const shown = rows?.filter(fits);
      body.replaceChildren(shown ? fittingTable(shown) : mostWanted(found.data));
      if (shown) say(said, words(shown.length, rows.length - shown.length));
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (own === asked) say(said, error.message);
    }
  };
  gpu.addEventListener("change", look);
  ram.addEventListener("change", look);
  return h("li", { class: "card" }, h("h2", {}, "Which model fits, and is wanted"),
    h("div", { class: "row choices" }, h("label", {}, "Memory of the GPU ", gpu), h("label", {}, "Main memory ", ram)),
    said, body,
    h("p", { class: "muted" }, "Reckoned from the sizes in the catalog. On the machine itself ", h("code", {}, "supernet-worker --plan"), " says the same of what is free there, and ", h("code", {}, "--plan --model ID"), " where every byte of one goes."));
}

/** @param {string} id @param {string[][]} options value and words @param {string} chosen */
function select(id, options, chosen) {
  const made = h("select", { id }, options.map(([value, text]) => h("option", { value }, text)));
  made.value = chosen;
  return made;
}

const fits = (/** @type {any} */ row) => row.fit && row.fit.place !== "none";

function words(/** @type {number} */ some, /** @type {number} */ others) {
  const rest = others ? `; ${plural(others, "other")} ${others === 1 ? "does" : "do"} not` : "";
  return some ? `${plural(some, "model")} ${some === 1 ? "fits" : "fit"}, the best first${rest}.` : "No model of this network fits.";
}

/** @param {any[]} rows best first */
function fittingTable(rows) {
  const head = ["Model", "Runs", "At once", "To download", "Price", "Waiting", "Refused, 24 h", "Workers"];
  return h("div", { class: "scrolling", tabindex: 0, role: "region", "aria-label": "Models that fit" }, h("table", { class: "rows fitting" },
    h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map((row) => h("tr", {},
      h("th", { scope: "row" }, link(`/models/${encodeURIComponent(row.id)}`, {}, row.id)),
      [PLACES[row.fit.place], atOnce(row.fit), row.fit.download_bytes === null ? "not known" : row.fit.download_bytes ? bytes(row.fit.download_bytes) : "nothing",
        price(row), whole(row.demand.waiting), whole(row.demand.no_worker_24h + row.demand.turned_away_24h), whole(row.workers_online ?? 0)].map((text) => h("td", {}, text)))))));
}

const atOnce = (/** @type {any} */ fit) => (fit.context ? `${plural(fit.slots, "chat")} of ${plural(fit.context, "token")}` : "one thing");

function mostWanted(data) {
  const models = data.map((/** @type {any} */ model) => ({ model, missed: missed(model.demand) }));
  models.sort((a, b) => b.missed - a.missed || b.model.demand.requests_7d - a.model.demand.requests_7d);
  return h("ul", { class: "facts" }, models.slice(0, MOST).map(({ model, missed: left }) => h("li", {}, h("strong", {}, model.id), `: ${sentence(model, left)}`)));
}


/** Requests that nobody served. @param {any} demand */
const missed = (demand) => demand.waiting + demand.no_worker_7d + demand.turned_away_7d;

/** @param {any} model @param {number} left */
function sentence({ demand, workers_online: workers }, left) {
  const served = `${plural(workers ?? 0, "worker")}, ${compact(demand.requests_7d)} served in 7 days`;
  return left ? `${compact(left)} waiting or refused in 7 days; ${served}` : served;
}
