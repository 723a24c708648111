// Problems, each with what to do about it.

import { h, link } from "./dom.js";
import { words } from "./format.js";

const SIGNS = { error: "!", warning: "!", info: "i" };

/** `problem`: severity, code, message, remedy, and of which worker it is, if it is of one. */
export function problemCard(problem) {
  const of = problem.worker ? link(`/workers/${problem.worker}`, { class: "of" }, problem.name || problem.worker) : null;
  return h(
    "li", { class: `problem ${problem.severity}`, "data-code": problem.code },
    h("span", { class: "sign", "aria-hidden": "true" }, SIGNS[problem.severity] ?? "i"),
    h("div", {},
      h("p", { class: "what" }, h("strong", {}, words(problem.code)), h("span", { class: "muted" }, ` ${problem.severity} `), of),
      h("p", { class: "message" }, problem.message),
      problem.remedy ? h("p", { class: "remedy" }, h("b", {}, "What to do: "), problem.remedy) : null),
  );
}

/** A list that is made anew only when the problems are others. */
export class Problems {
  constructor() {
    this.node = h("ul", { class: "problems", "aria-label": "Problems" });
    this.shown = "";
  }

  show(problems) {
    const text = JSON.stringify(problems);
    if (text === this.shown) return;
    this.shown = text;
    this.node.replaceChildren(...problems.map(problemCard));
    this.node.hidden = problems.length === 0;
  }
}
