// What a model is and costs, in a few words.

import { compact, speed } from "../parts/format.js";
import { percent, span } from "../parts/over_time.js";

export const KINDS = { chat: "Chat", image: "Pictures", video: "Films", audio: "Music" };
const PIECE = { image: "a picture of a megapixel", video: "a second of film of a megapixel", audio: "a second of music" };

/** "0.3" -> "$0.30". @param {string} usd */
export function usd(usd) {
  const [whole, places = ""] = usd.split(".");
  return `$${whole}.${places.padEnd(2, "0")}`;
}

/** @param {any} model of /v1/network/models */
export function price(model) {
  const { prices } = model;
  if (prices.per_unit) return `${usd(prices.per_unit.usd)} for ${PIECE[/** @type {keyof typeof PIECE} */ (model.kind)]}`;
  return `${usd(prices.prompt_per_million.usd)} in, ${usd(prices.completion_per_million.usd)} out`;
}

/** What one pays for what the model is asked most of; to sort by. @param {any} model */
export function cost(model) {
  return Number((model.prices.per_unit ?? model.prices.completion_per_million).usd);
}

/** @param {any} model */
export function abilities(model) {
  if (model.kind !== "chat") return model.tools.map((/** @type {string} */ tool) => tool.replaceAll("_", " "));
  const seen = model.features.includes("vision") ? ["sees pictures"] : [];
  const thinks = model.features.includes("reasoning") ? ["thinks"] : [];
  return [...seen, ...thinks, ...(model.features.includes("tools") ? ["tools"] : [])];
}

/** How fast it was in the last 24 hours. @param {any} model */
export function pace(model) {
  const { tokens_per_second: rate, ttft_ms: first, total_ms: total } = model.day;
  if (model.kind !== "chat") return total.count ? `${span(total.p50)} each` : "–";
  return rate.count ? `${speed(rate.p50)} tokens/s, first after ${span(first.p50)}` : "–";
}

/** @param {any} model */
export function up(model) {
  return model.uptime.share === null ? "not measured yet" : percent(model.uptime.share);
}

/** @param {any} model */
export function context(model) {
  return model.kind === "chat" ? `${compact(model.max_context_length)} tokens` : "–";
}
