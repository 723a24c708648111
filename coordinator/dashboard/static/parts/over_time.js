// Charts of what was, step by step: bars, lines, a strip of shares; and the same as a table for who sees no picture.

import { h, s } from "./dom.js";
import { compact } from "./format.js";

const WIDTH = 600, HEIGHT = 120, LEAST = 3;

/** @typedef {{name: string, value: number, bad?: number, words: string}} Bar `bad`: what of the value went wrong */
/** @typedef {{name: string, low: number | null, high: number | null, words: string}} Span */

/**
 * A bar for each step, the part that went wrong on top in another colour.
 * @param {string} title @param {Bar[]} bars @param {(value: number) => string} told how a value is written
 */
export function barsChart(title, bars, told = compact) {
  const highest = Math.max(0, ...bars.map((bar) => bar.value));
  const step = WIDTH / Math.max(1, bars.length), gap = Math.min(3, step / 4);
  const scale = (HEIGHT - 4) / (highest || 1);
  const shapes = bars.flatMap((bar, place) => {
    const height = bar.value ? Math.max(LEAST, bar.value * scale) : 1;
    const bad = bar.bad ? Math.min(height, Math.max(2, bar.bad * scale)) : 0;
    const at = { x: place * step, width: step - gap };
    const text = s("title", {}, `${bar.name}: ${bar.words}`);
    return [
      s("rect", { ...at, y: HEIGHT - height, height, rx: 1.5, class: bar.value ? "bar" : "bar none" }, text),
      ...(bad ? [s("rect", { ...at, y: HEIGHT - height, height: bad, class: "bar bad" })] : []),
    ];
  });
  return figure(title, shapes, bars, `highest ${told(highest)}`);
}

/**
 * Two lines: how long it took half of all, and nineteen of twenty. A step without any leaves a gap.
 * @param {string} title @param {Span[]} spans @param {(value: number) => string} told
 */
export function linesChart(title, spans, told) {
  const highest = Math.max(0, ...spans.flatMap((span) => [span.low ?? 0, span.high ?? 0]));
  const x = (/** @type {number} */ place) => ((place + 0.5) * WIDTH) / Math.max(1, spans.length);
  const y = (/** @type {number} */ value) => HEIGHT - 2 - (value / (highest || 1)) * (HEIGHT - 8);
  const path = (/** @type {"low" | "high"} */ which) => {
    let pen = "M";
    return spans.map((span, place) => {
      const value = span[which];
      if (value === null) {
        pen = "M";
        return "";
      }
      const drawn = `${pen}${x(place).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
      return drawn;
    }).join("");
  };
  const points = spans.flatMap((span, place) => (span.low === null ? [] : [
    s("path", { d: `M${x(place).toFixed(1)} ${y(span.low).toFixed(1)}h0`, class: "dot" }, s("title", {}, `${span.name}: ${span.words}`)),
  ]));
  const lines = [s("path", { d: path("high"), class: "high" }), s("path", { d: path("low"), class: "low" })];
  return figure(title, [...lines, ...points], spans, highest ? `highest ${told(highest)}` : "nothing yet");
}

/** @param {string} title @param {Element[]} shapes @param {{name: string}[]} steps @param {string} note */
function figure(title, shapes, steps, note) {
  const label = `${title}, from ${steps[0]?.name ?? ""} to ${steps.at(-1)?.name ?? ""}, ${note}`;
  return h("figure", { class: "overtime" },
    h("h3", {}, title),
    s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label }, shapes),
    h("figcaption", {}, h("span", {}, steps[0]?.name ?? ""), h("span", {}, note), h("span", {}, steps.at(-1)?.name ?? "")));
}

/**
 * A piece for each day, the fuller the longer the model was served on it.
 * @param {{name: string, share: number | null}[]} days
 */
export function strip(days) {
  const pieces = days.map(({ name, share }) => {
    const said = share === null ? "not measured" : `${percent(share)} of the time`;
    return h("li", { class: share === null ? "unknown" : share >= 0.995 ? "full" : share > 0 ? "partly" : "never", title: `${name}: ${said}` },
      h("span", { class: "hidden-text" }, `${name}: ${said}`));
  });
  return h("ol", { class: "uptime-strip", "aria-label": "Uptime day by day" }, pieces);
}

/** A share as people say it; 99.97 % is not 100 %. @param {number} share */
export function percent(share) {
  const value = Math.floor(share * 10_000) / 100;
  return `${value === 100 || value === 0 ? value : value < 10 || value > 99 ? value.toFixed(2) : value.toFixed(1)} %`;
}

/**
 * The figures of a chart as a table, to be opened.
 * @param {string} words @param {string[]} head @param {string[][]} rows
 */
export function figuresTable(words, head, rows) {
  return h("details", { class: "figures-table" }, h("summary", {}, words), h("div", { class: "scrolling", tabindex: 0, role: "region", "aria-label": words }, h("table", {},
    h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))),
    h("tbody", {}, rows.map(([first, ...rest]) => h("tr", {}, h("th", { scope: "row" }, first), rest.map((text) => h("td", {}, text))))))));
}

/** Milliseconds as people say them. @param {number | null} ms */
export function span(ms) {
  if (ms === null) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  return seconds < 90 ? `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}
