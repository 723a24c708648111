// All models of the catalogue: who serves them, what they cost, how fast and how reliable they were.

import { ApiError, json } from "../parts/api.js";
import { fromAddress, toAddress } from "../parts/address.js";
import { h, link, say } from "../parts/dom.js";
import { plural, whole } from "../parts/format.js";
import { KINDS, abilities, context, cost, pace, price, up } from "./words.js";

/** @type {Record<string, [string, (a: any, b: any) => number]>} */
const ORDERS = {
  served: ["Served now first", (a, b) => b.workers_online - a.workers_online || b.demand.requests_7d - a.demand.requests_7d],
  used: ["Most used", (a, b) => b.demand.requests_7d - a.demand.requests_7d],
  wanted: ["Most refused", (a, b) => refused(b) - refused(a)],
  cheap: ["Cheapest", (a, b) => cost(a) - cost(b)],
  context: ["Longest context", (a, b) => (b.max_context_length ?? 0) - (a.max_context_length ?? 0)],
  fast: ["Fastest", (a, b) => (b.day.tokens_per_second.p50 ?? 0) - (a.day.tokens_per_second.p50 ?? 0)],
  uptime: ["Best uptime", (a, b) => (b.uptime.share ?? -1) - (a.uptime.share ?? -1)],
};

export function modelsPage(root, { askForKey }) {
  const view = new ModelsView();
  root.append(view.node);
  let gone = false;
  json("/v1/network/models").then(
    ({ data }) => gone || view.show(data),
    (error) => {
      if (gone) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) return askForKey(error.message.startsWith("You did not") ? null : error);
      view.trouble(error);
    },
  );
  return () => (gone = true);
}

class ModelsView {
  constructor() {
    this.models = [];
    this.kind = fromAddress("kind");
    this.search = h("input", { type: "search", placeholder: "Search", "aria-label": "Search models", value: fromAddress("search"), oninput: () => this.#typed() });
    this.timer = 0;
    this.order = h("select", { "aria-label": "Order", onchange: () => this.#sought() },
      Object.entries(ORDERS).map(([name, [words]]) => h("option", { value: name, selected: name === fromAddress("order") }, words)));
    this.kinds = h("div", { class: "ranges", role: "group", "aria-label": "Kind" });
    this.count = h("p", { class: "muted", role: "status" }, "Loading …");
    this.list = h("ul", { class: "modellist" });
    this.node = h("div", { class: "network" },
      h("header", { class: "pagehead" }, h("h1", {}, "Models"), this.count),
      h("section", { class: "card", "aria-label": "Models" },
        h("div", { class: "modelfilters" }, this.kinds, h("div", { class: "finding" }, this.search, this.order)), this.list));
  }

  show(models) {
    this.models = models;
    const there = Object.keys(KINDS).filter((kind) => models.some((model) => model.kind === kind));
    const chips = there.length > 1 ? ["", ...there] : [];
    if (!there.includes(this.kind)) this.kind = "";
    this.kinds.replaceChildren(...chips.map((kind) => this.#chip(kind)));
    this.#draw();
  }

  trouble(error) {
    say(this.count, error.message);
  }

  #chip(kind) {
    const chip = h("button", {
      type: "button", class: "chip", "aria-pressed": String(kind === this.kind),
      onclick: () => {
        this.kind = kind;
        for (const other of this.kinds.children) other.setAttribute("aria-pressed", String(other === chip));
        this.#sought();
      },
    }, kind ? KINDS[kind] : "All");
    return chip;
  }

  /** The address follows once the typing stops: browsers refuse to have it changed for each letter. */
  #typed() {
    this.#draw();
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.node.isConnected && this.#sought(), 250);
  }

  #sought() {
    toAddress({ kind: this.kind, search: this.search.value.trim(), order: this.order.selectedIndex ? this.order.value : "" });
    this.#draw();
  }

  #draw() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (model) => [model.id, model.name, KINDS[model.kind], ...abilities(model)].join(" ").toLowerCase();
    const found = this.models.filter((model) => (!this.kind || model.kind === this.kind) && words.every((word) => text(model).includes(word)));
    const [, order] = ORDERS[this.order.value];
    this.list.replaceChildren(...[...found].sort(order).map(row));
    say(this.count, found.length === this.models.length ? plural(found.length, "model") : `${found.length} of ${plural(this.models.length, "model")}`);
  }
}

function refused(model) {
  return model.demand.no_worker_7d + model.demand.turned_away_7d + model.demand.waiting;
}

function row(model) {
  const fact = (name, text, more) => h("div", {}, h("dt", {}, name), h("dd", {}, text, more ? h("small", { class: "muted" }, more) : null));
  const serving = model.workers_online ? `${plural(model.workers_online, "worker")}` : "nobody";
  const free = model.workers_online ? ` ${whole(model.free_slots)} of ${whole(model.slots)} slots free` : "";
  return h("li", { class: model.workers_online ? "served" : "unserved-model" },
    h("div", { class: "what" },
      link(`/models/${encodeURIComponent(model.id)}`, { class: "title" }, model.name),
      h("p", { class: "muted" }, [KINDS[model.kind], ...abilities(model)].join(" · "))),
    h("dl", {},
      fact("Served by", serving, free),
      fact(model.prices.per_unit ? "Price" : "Price a million tokens", price(model)),
      model.kind === "chat" ? fact("Context", context(model)) : null,
      fact("Speed, 24 h", pace(model)),
      fact("Uptime, 30 days", up(model)),
      refused(model) ? fact("Refused or waiting, 7 days", whole(refused(model))) : null));
}
