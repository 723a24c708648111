// What an answer cost, however the coordinator words it.

import { dollars } from "../parts/format.js";

/** `usage.cost` in words, "" when there is none. */
export function costOf(usage) {
  const cost = usage?.cost;
  const nano = usage?.cost_nano_usd ?? (typeof cost === "object" ? cost?.nano_usd : undefined);
  if (Number.isFinite(nano)) return dollars(nano);
  return Number.isFinite(Number(cost)) && cost !== null && cost !== undefined ? dollars(Number(cost) * 1e9) : "";
}
