// One worker, for its owner and the operator: what it does, what it earned, how fast it is, what is wrong with it.

import { ApiError, json } from "./api.js";
import { h, keep, link, say } from "./dom.js";
import { bytes, compact, dollars, plural, since, speed, whole } from "./format.js";
import { legend, Strip } from "./cells.js";
import { speedCurve } from "./curve.js";
import { Flow } from "./flow.js";
import { Problems } from "./problems.js";
import { STATUS } from "./tiles.js";

const EVERY_MS = 1000;
const EARNED_EVERY_MS = 20_000;
const MAX_CELLS = 256;

export function workerPage(root, { found, askForKey }) {
  const view = new WorkerView();
  const stop = new AbortController();
  let timer = 0;
  let asked = -Infinity;
  root.append(view.node);

  async function look() {
    try {
      const path = `/v1/network/workers/${found}`;
      if (performance.now() - asked > EARNED_EVERY_MS && !document.hidden) {
        view.figures.earned = await json(`${path}/earnings`, { signal: stop.signal });
        asked = performance.now();
      }
      if (!document.hidden) view.show(await json(path, { signal: stop.signal }));
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) return askForKey(error);
      view.trouble(error);
    }
    timer = setTimeout(look, EVERY_MS);
  }

  look();
  return () => {
    stop.abort();
    clearTimeout(timer);
    view.flow.end();
  };
}

class WorkerView {
  constructor() {
    this.title = h("h1", {}, "Worker");
    this.status = h("p", { class: "status" });
    this.note = h("p", { class: "note", role: "status", hidden: true });
    this.problems = new Problems();
    this.problems.node.hidden = true;
    this.flow = new Flow(90);
    this.points = [];
    this.figures = new Figures();
    this.seats = h("div", { class: "bigseats" });
    this.kept = new Map();
    this.about = h("dl", { class: "about" });
    this.curves = h("div", { class: "curves" });
    this.measured = "";
    this.body = h(
      "div", { class: "network" },
      this.problems.node,
      h("section", { class: "card hero", "aria-label": "Now" }, this.figures.node, this.flow.node),
      h("section", { class: "card" }, h("h2", {}, "Slots"), legend(), this.seats),
      h("div", { class: "halves" },
        h("section", { class: "card" }, h("h2", {}, "Measured speed"), this.curves),
        h("section", { class: "card" }, h("h2", {}, "Machine"), this.about)),
    );
    this.body.hidden = true;
    this.node = h("div", { class: "network" }, h("p", {}, link("/", {}, "← Network")), h("header", { class: "pagehead" }, this.title, this.status), this.note, this.body);
  }

  show(worker) {
    this.note.hidden = true;
    this.body.hidden = false;
    this.node.classList.remove("old");
    document.title = `${worker.name} · Supernet`;
    say(this.title, worker.name);
    this.node.dataset.status = worker.status;
    const steady = ["busy", "ready"].includes(worker.status) ? "" : ` for ${since(worker.since_ms)}`;
    say(this.status, `${STATUS[worker.status] ?? worker.status}${steady}`);
    this.problems.show(worker.issues);
    this.points = [...this.points, worker.tokens_per_second].slice(-180);
    this.flow.show(this.points);
    this.figures.show(worker);
    keep(this.seats, this.kept, worker.models, (seat) => seat.id, makeSeat);
    this.#machine(worker);
    this.#curves(worker.models);
  }

  trouble(error) {
    this.note.hidden = false;
    this.node.classList.add("old");
    this.node.dataset.status = "away";
    say(this.status, error.status === 404 ? "not connected" : "out of sight");
    say(this.note, error.message);
  }

  #machine(worker) {
    const { hardware } = worker;
    const rows = [
      ...hardware.gpus.map((gpu) => ["GPU", `${gpu.name}, ${bytes(gpu.memory_bytes)}${gpu.driver ? `, driver ${gpu.driver}` : ""}`]),
      ["Processor", hardware.cpu ? `${hardware.cpu}, ${plural(hardware.cpu_cores, "core")}` : plural(hardware.cpu_cores, "core")],
      ["Memory", hardware.memory_bytes ? bytes(hardware.memory_bytes) : "not said"],
      ["Version", worker.version || "not said"],
      ["Worker id", worker.worker],
      ["Account", worker.account],
    ];
    const text = JSON.stringify(rows);
    if (this.about.was === text) return;
    this.about.was = text;
    this.about.replaceChildren(...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  #curves(models) {
    const measured = JSON.stringify(models.map((model) => [model.id, model.speed]));
    if (measured === this.measured) return;
    this.measured = measured;
    const parts = models.flatMap((model) => [
      models.length > 1 ? h("h3", {}, model.id) : null,
      model.speed.length ? speedCurve(model.speed) : h("p", { class: "muted" }, "Nothing measured yet. ", h("code", {}, "supernet-worker --benchmark"), " measures it."),
    ]);
    this.curves.replaceChildren(...parts.filter(Boolean));
  }
}

/** The big numbers. */
class Figures {
  constructor() {
    this.node = h("dl", { class: "figures" });
    this.earned = null; // until it is known
    this.kept = new Map();
  }

  show(worker) {
    const items = [
      ["Tokens a second", speed(worker.tokens_per_second)],
      ["Connected for", since(worker.joined_ms)],
      ["Answers given", whole(worker.finished)],
      ["Tokens served", compact(worker.tokens)],
      ["Faults", whole(worker.faults)],
      ...(this.earned ? [["Earned", dollars(this.earned.earned_nano_usd)], ["Of that not yet matured", dollars(this.earned.escrow_nano_usd)]] : []),
    ];
    keep(this.node, this.kept, items, ([name]) => name, makeFigure);
  }
}

function makeFigure([name]) {
  const value = h("dd", {});
  return { node: h("div", {}, h("dt", {}, name), value), update: ([, text]) => say(value, text) };
}

function makeSeat() {
  const strip = new Strip(MAX_CELLS, "cells large");
  const name = h("p", {});
  const note = h("p", { class: "muted" });
  return {
    node: h("div", {}, name, strip.node, note),
    update(seat) {
      strip.show(seat.cells);
      say(name, seat.id);
      say(note, `${seat.status}, ${plural(seat.context, "token")} of context for each slot, ${speed(seat.tokens_per_second)} tok/s`);
    },
  };
}
