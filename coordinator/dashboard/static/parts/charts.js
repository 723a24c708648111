// Small charts of what was used: a bar for each day, and a bar for each model or key.

import { h, s } from "./dom.js";
import { compact, dollars } from "./format.js";

const WIDTH = 600, HEIGHT = 120, GAP = 3, MOST_BARS = 8;

/** A bar for each of the last `days` days (UTC), as high as what it cost. */
export function daysChart(rows, days) {
  const costs = new Map();
  for (const row of rows) costs.set(row.day, (costs.get(row.day) ?? 0) + row.cost_nano_usd);
  const names = Array.from({ length: days }, (_, place) => new Date(Date.now() - (days - 1 - place) * 86_400_000).toISOString().slice(0, 10));
  const highest = Math.max(1, ...costs.values());
  const step = WIDTH / days;
  const bars = names.map((day, place) => {
    const cost = costs.get(day) ?? 0;
    const height = cost ? Math.max(3, (cost / highest) * (HEIGHT - 4)) : 1;
    return s("rect", { x: place * step, y: HEIGHT - height, width: step - GAP, height, rx: 2, class: cost ? "bar" : "bar none" },
      s("title", {}, `${day}: ${dollars(cost)}`));
  });
  return h("figure", { class: "days" },
    s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Cost of each of the last ${days} days, the highest ${dollars(highest)}` }, bars),
    h("figcaption", {}, h("span", {}, names[0]), h("span", {}, `highest ${dollars(highest)} a day`), h("span", {}, "today")));
}

/** What each of them cost, the dearest first. */
export function sumsChart(title, rows, name) {
  const sums = new Map();
  for (const row of rows) {
    const sum = sums.get(name(row)) ?? { cost: 0, tokens: 0 };
    sum.cost += row.cost_nano_usd;
    sum.tokens += row.prompt_tokens + row.completion_tokens;
    sums.set(name(row), sum);
  }
  const sorted = [...sums].sort(([, a], [, b]) => b.cost - a.cost).slice(0, MOST_BARS);
  const highest = Math.max(1, ...sorted.map(([, sum]) => sum.cost));
  return h("div", {}, h("h3", {}, title), h("ul", { class: "sums" }, sorted.map(([text, sum]) => {
    const bar = h("i", { "aria-hidden": "true" });
    bar.style.width = `${(sum.cost / highest) * 100}%`;
    return h("li", {}, h("span", {}, text), h("span", { class: "muted" }, `${dollars(sum.cost)}, ${compact(sum.tokens)} tokens`), bar);
  })));
}
