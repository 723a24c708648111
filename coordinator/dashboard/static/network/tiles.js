// A tile for each worker. Hundreds of workers: a page of tiles, the rest a click or a search away.

import { h, keep, link, say } from "../parts/dom.js";
import { plural, since, speed, whole } from "../parts/format.js";
import { Strip } from "./cells.js";
import { Makings, toolWords } from "./makings.js";

const PAGE = 60;
const MAX_CELLS = 64;
const CALM_ABOVE = 300; // cells on the page: no more breathing then

/** What a worker's one word means to people. */
export const STATUS = {
  busy: "serving",
  ready: "ready",
  loading: "loading its model",
  paused: "paused",
  resting: "resting after a fault",
  draining: "finishing up",
  down: "engine down",
  away: "connection lost",
};
/** @type {[string, string, (worker: any) => boolean][]} */
const FILTERS = [
  ["all", "All", () => true],
  ["mine", "Yours", (worker) => worker.mine ?? false],
  ["busy", "Serving", (worker) => worker.status === "busy"],
  ["trouble", "In trouble", (worker) => worker.problems > 0 || ["resting", "down", "away"].includes(worker.status)],
];

export class Tiles {
  constructor() {
    this.shown = PAGE;
    this.filter = "all";
    this.words = "";
    this.kept = new Map();
    this.network = null;
    this.grid = h("div", { class: "tiles" });
    this.more = h("button", { type: "button", onclick: () => this.#grow() });
    this.none = h("p", { class: "muted", hidden: true }, "No worker is like that now.");
    this.chips = new Map(FILTERS.map(([name, text]) => [name, this.#chip(name, text)]));
    this.search = h("input", {
      type: "search", placeholder: "Find by name, GPU or model", "aria-label": "Find a worker",
      oninput: () => this.#find(),
    });
    this.bar = h("div", { class: "filters" }, h("div", { role: "group", "aria-label": "Which workers" }, [...this.chips.values()]), this.search);
    this.node = h("div", {}, this.bar, this.grid, this.none, this.more);
  }

  show(network) {
    this.network = network;
    const all = [...network.workers.values()].sort(byOwnerAndName);
    for (const [name, text, wanted] of FILTERS) {
      const count = all.filter(wanted).length;
      const chip = this.chips.get(name);
      if (!chip) continue;
      say(chip, `${text} ${whole(count)}`);
      chip.hidden = name !== "all" && name !== this.filter && count === 0;
    }
    this.bar.hidden = all.length < 2;
    const [, , wanted] = FILTERS.find(([name]) => name === this.filter) ?? FILTERS[0];
    const found = all.filter((worker) => wanted(worker) && this.#matches(worker));
    const page = found.slice(0, this.shown);
    const cells = page.reduce((sum, worker) => sum + worker.models.reduce((all, replica) => all + replica.cells.length, 0), 0);
    this.grid.classList.toggle("calm", cells > CALM_ABOVE);
    keep(this.grid, this.kept, page, (worker) => worker.id, makeTile);
    this.none.hidden = found.length > 0 || all.length === 0;
    this.more.hidden = found.length <= this.shown;
    say(this.more, `Show ${whole(Math.min(PAGE, found.length - this.shown))} more of ${whole(found.length)}`);
  }

  #chip(name, text) {
    return h("button", { type: "button", class: "chip", "aria-pressed": String(name === this.filter), onclick: () => this.#choose(name) }, text);
  }

  #choose(name) {
    this.filter = name;
    this.shown = PAGE;
    for (const [each, chip] of this.chips) chip.setAttribute("aria-pressed", String(each === name));
    this.show(this.network);
  }

  #grow() {
    this.shown += PAGE;
    this.show(this.network);
  }

  #find() {
    this.words = this.search.value.trim().toLowerCase();
    this.shown = PAGE;
    this.show(this.network);
  }

  #matches(worker) {
    if (!this.words) return true;
    const texts = [worker.name ?? "", worker.id, worker.gpu, STATUS[worker.status] ?? "", ...worker.models.flatMap((replica) => [replica.id, toolWords(replica.tools ?? [])])];
    return texts.some((text) => text.toLowerCase().includes(this.words));
  }
}

/** Nobody's tile jumps because something happened on it. */
function byOwnerAndName(a, b) {
  return (b.mine ?? false) - (a.mine ?? false) || (a.name ?? "~").localeCompare(b.name ?? "~") || (a.id < b.id ? -1 : 1);
}

export const nameOf = (worker) => worker.name || `worker ${worker.id.slice(0, 6)}`;

function makeTile(worker) {
  // Only a viewer who may see all of the worker is told its name, and only such a viewer gets a link to its page.
  const title = worker.name === undefined ? h("span", { class: "title" }) : link(`/workers/${worker.id}`, { class: "title" });
  const mine = h("span", { class: "tag" }, "yours");
  const status = h("span", { class: "status" });
  const gpu = h("div", { class: "gpu" });
  const replicas = h("div", { class: "replicas" });
  const rate = h("span", { class: "rate" });
  const problems = h("span", { class: "count" });
  const node = h("article", { class: "tile" }, h("header", {}, title, mine), gpu, replicas, h("footer", {}, status, problems, rate));
  const kept = new Map();
  /** @type {unknown} */
  let shown = null;
  /** @param {any} now */
  function update(now) {
    if (now === shown) return;
    shown = now;
    node.dataset.status = now.status;
    say(title, nameOf(now));
    title.title = nameOf(now);
    mine.hidden = !now.mine;
    say(gpu, now.gpu);
    say(status, now.status === "away" ? `connection lost ${since(now.since_ms)} ago` : STATUS[now.status] ?? now.status);
    keep(replicas, kept, now.models, (replica) => replica.id, makeReplica);
    problems.hidden = !now.problems;
    say(problems, plural(now.problems ?? 0, "problem"));
    say(rate, now.tokens_per_second ? `${speed(now.tokens_per_second)} tok/s` : "");
  }
  return { node, update };
}

function makeReplica() {
  const strip = new Strip(MAX_CELLS);
  const name = h("div", { class: "model" });
  const tools = h("div", { class: "model" });
  const makings = new Makings();
  return {
    node: h("div", { class: "replica" }, strip.node, name, tools, makings.node),
    update(replica) {
      strip.show(replica.cells);
      say(name, replica.status === "ready" ? replica.id : `${replica.id}: ${replica.status}`);
      tools.hidden = !replica.tools;
      say(tools, toolWords(replica.tools ?? []));
      makings.show(replica.jobs);
    },
  };
}
