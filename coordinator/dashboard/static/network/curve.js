// The speed that a worker measured: tokens a second of all streams together, against how many stream at once.

import { h, s } from "../parts/dom.js";
import { speed } from "../parts/format.js";

const WIDTH = 520, HEIGHT = 220, LEFT = 48, RIGHT = 16, TOP = 26, BOTTOM = 42;

/** @typedef {{streams: number, decode_tps: number, prefill_tps: number, ttft_ms: number}} Point */

/**
 * One worker's speed with one model, as the worker registered it; at least one point.
 * @param {Point[]} points
 */
export function speedCurve(points) {
  const sorted = [...points].sort((a, b) => a.streams - b.streams);
  const widest = sorted[sorted.length - 1].streams;
  const highest = nice(Math.max(...sorted.map((point) => point.decode_tps)));
  const x = (/** @type {number} */ streams) => LEFT + (widest === 1 ? 0.5 : Math.log2(streams) / Math.log2(widest)) * (WIDTH - LEFT - RIGHT);
  const y = (/** @type {number} */ tps) => HEIGHT - BOTTOM - (tps / highest) * (HEIGHT - TOP - BOTTOM);
  const line = sorted.map((point, place) => `${place ? "L" : "M"}${x(point.streams)} ${y(point.decode_tps)}`).join("");
  const words = sorted.map((point) => `${speed(point.decode_tps)} at ${point.streams}`).join(", ");
  const picture = s(
    "svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Tokens a second by streams at once: ${words}`, class: "curve" },
    [0, 0.5, 1].map((part) => [
      s("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: y(highest * part), y2: y(highest * part), class: "gridline" }),
      s("text", { x: LEFT - 8, y: y(highest * part) + 4, class: "tick end" }, speed(highest * part)),
    ]).flat(),
    s("path", { d: `${line}L${x(widest)} ${y(0)}L${x(sorted[0].streams)} ${y(0)}Z`, class: "under" }),
    s("path", { d: line, class: "line" }),
    sorted.map((point) => s("circle", { cx: x(point.streams), cy: y(point.decode_tps), r: 4.5, class: "point" },
      s("title", {}, `${point.streams} at once: ${speed(point.decode_tps)} tokens a second, first token after ${Math.round(point.ttft_ms)} ms`))),
    spread(sorted, x).map((point) => s("text", { x: x(point.streams), y: HEIGHT - BOTTOM + 17, class: "tick middle" }, String(point.streams))),
    s("text", { x: LEFT, y: TOP - 7, class: "tick" }, "tokens a second"),
    s("text", { x: (LEFT + WIDTH - RIGHT) / 2, y: HEIGHT - 3, class: "tick middle" }, "streams at once"),
  );
  return h("figure", { class: "curve" }, picture, table(sorted));
}

/**
 * The points whose numbers have room below the picture.
 * @param {Point[]} points
 * @param {(streams: number) => number} x
 */
function spread(points, x) {
  let last = -Infinity;
  return points.filter((point) => x(point.streams) - last >= 26 && ((last = x(point.streams)), true));
}

/**
 * The next round number that is not lower.
 * @param {number} value
 */
function nice(value) {
  const size = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 3, 4, 5, 6, 8, 10].map((step) => step * size).find((step) => step >= value) ?? value;
}

/** @param {Point[]} points */
function table(points) {
  const row = (/** @type {Node[]} */ ...cells) => h("tr", {}, cells);
  return h("details", {}, h("summary", {}, "The figures"), h("table", {},
    h("thead", {}, row(...["Streams", "Tokens a second", "For each", "Prompt tokens a second", "First token"].map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, points.map((point) => row(
      h("td", {}, String(point.streams)), h("td", {}, speed(point.decode_tps)), h("td", {}, speed(point.decode_tps / point.streams)),
      h("td", {}, speed(point.prefill_tps)), h("td", {}, `${Math.round(point.ttft_ms)} ms`))))));
}
