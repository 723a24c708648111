// Sums by day that have not come to their end yet, as in the first minutes after an upgrade.

import { h } from "./dom.js";

/** What to say above such sums; null: they are whole. @param {number | null | undefined} until seconds since 1970 */
export function countingNote(until) {
  if (!until) return null;
  return h("p", { class: "note", role: "status" }, `Still counting: these sums hold what was booked up to ${new Date(until * 1000).toLocaleString()}. Look again in some minutes.`);
}
