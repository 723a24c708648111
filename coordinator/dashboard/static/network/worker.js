// One worker, for its owner and the operator: what it does, what it earned, how fast it is, what is wrong with it.

import { ApiError, json } from "../parts/api.js";
import { h, keep, link, say } from "../parts/dom.js";
import { bytes, compact, dollars, plural, since, speed, whole } from "../parts/format.js";
import { legend, Strip } from "./cells.js";
import { speedCurve } from "./curve.js";
import { Flow } from "./flow.js";
import { Idle } from "../owner/idle.js";
import { Makings, toolWords } from "./makings.js";
import { Problems } from "../parts/problems.js";
import { STATUS } from "./tiles.js";
import { WorkerDays } from "./worker_days.js";

const EVERY_MS = 1000;
const EARNED_EVERY_MS = 20_000;
const DAYS_EVERY_MS = 60_000;
const MAX_CELLS = 256;

export function workerPage(root, { found, askForKey }) {
  const view = new WorkerView();
  const stop = new AbortController();
  let timer = 0;
  let asked = -Infinity, counted = -Infinity;
  root.append(view.node);

  async function look() {
    try {
      const path = `/v1/network/workers/${found}`;
      if (performance.now() - asked > EARNED_EVERY_MS && !document.hidden) {
        view.figures.earned = await json(`${path}/earnings`, { signal: stop.signal });
        asked = performance.now();
      }
      if (performance.now() - counted > DAYS_EVERY_MS && !document.hidden) {
        counted = performance.now();
        view.days.load(found, stop.signal);
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
    this.idle = new Idle();
    this.days = new WorkerDays();
    this.flow = new Flow(90);
    this.points = [];
    this.figures = new Figures();
    this.replicas = h("div", { class: "bigreplicas" });
    this.kept = new Map();
    this.about = h("dl", { class: "about" });
    this.aboutShown = "";
    this.curves = h("div", { class: "curves" });
    this.measured = "";
    this.speed = h("section", { class: "card" }, h("h2", {}, "Measured speed"), this.curves);
    this.body = h(
      "div", { class: "network" },
      this.problems.node,
      this.idle.node,
      h("section", { class: "card hero", "aria-label": "Now" }, this.figures.node, this.flow.node),
      h("section", { class: "card" }, h("h2", {}, "Slots"), legend(), this.replicas),
      h("div", { class: "halves" },
        this.speed,
        h("section", { class: "card" }, h("h2", {}, "Machine"), this.about)),
      this.days.node,
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
    this.idle.show(worker.idle);
    this.points = [...this.points, worker.tokens_per_second].slice(-180);
    this.flow.show(this.points);
    this.figures.show(worker);
    keep(this.replicas, this.kept, worker.models, (replica) => replica.id, makeReplica);
    this.#machine(worker);
    this.#curves(worker.models.filter((model) => !model.tools));
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
    if (text === this.aboutShown) return;
    this.aboutShown = text;
    this.about.replaceChildren(...rows.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
  }

  #curves(models) {
    this.speed.hidden = models.length === 0;
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

/** @param {string[]} figure */
function makeFigure([name]) {
  const value = h("dd", {});
  return { node: h("div", {}, h("dt", {}, name), value), update: (/** @type {string[]} */ [, text]) => say(value, text) };
}

function makeReplica() {
  const strip = new Strip(MAX_CELLS, "cells large");
  const name = h("p", {});
  const note = h("p", { class: "muted" });
  const makings = new Makings();
  return {
    node: h("div", {}, name, strip.node, note, makings.node),
    update(replica) {
      strip.show(replica.cells);
      say(name, replica.id);
      say(note, `${replica.status}, ${replica.tools ? toolWords(replica.tools) : chats(replica)}`);
      makings.show(replica.jobs);
    },
  };
}

/** What a model on the worker is for its chats. */
function chats(replica) {
  const parts = [
    `${plural(replica.context, "token")} of context for each slot`,
    ...(replica.sees ? [sight(replica)] : []),
    `${speed(replica.tokens_per_second)} tok/s`,
    ...(replica.guesses ?? []).filter((one) => one.drafted).map(guessed),
    ...(replica.tokens_per_step > 1 ? [`${replica.tokens_per_step.toFixed(2)} tokens a step`] : []),
  ];
  return parts.join(", ");
}

/** How guesses ahead from one source have turned out, by the worker's own word. */
function guessed({ source, drafted, accepted }) {
  const from = { lookup: "from the text", mtp: "by the model's own head" }[source] ?? source;
  return `${compact(accepted)} of ${compact(drafted)} guesses ${from} came true`;
}

/** That the model sees pictures there, and how long it takes for one. */
function sight({ image_ms: ms }) {
  return ms ? `sees pictures (1,024 tokens of one in ${whole(ms)} ms)` : "sees pictures";
}
