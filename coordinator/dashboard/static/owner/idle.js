// Why a worker has no jobs, in the coordinator's words.

import { h, say } from "../parts/dom.js";

/** @typedef {{code: string, message: string, remedy: string}} Why */

export class Idle {
  constructor() {
    this.message = h("p", {});
    this.remedy = h("p", { class: "muted" });
    this.node = h("section", { class: "card", role: "status", hidden: true }, h("h2", {}, "Why it has no jobs now"), this.message, this.remedy);
  }

  /** @param {Why | null | undefined} why */
  show(why) {
    this.node.hidden = !why;
    say(this.message, why?.message ?? "");
    say(this.remedy, why?.remedy ?? "");
  }
}
