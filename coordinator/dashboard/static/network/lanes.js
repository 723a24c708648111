// A lane for each model: who waits on the left, the slots that serve them on the right.

import { h, keep, label, link, say } from "../parts/dom.js";
import { plural, speed } from "../parts/format.js";
import { Strip } from "./cells.js";
import { toolWords } from "./makings.js";

const MAX_CELLS = 96;
const MAX_DOTS = 24;

export class Lanes {
  constructor() {
    this.lanes = h("div", { class: "lanes" });
    this.unserved = h("p", { class: "unserved" });
    this.node = h("div", {}, this.lanes, this.unserved);
    this.kept = new Map();
  }

  show(network) {
    const cells = cellsByModel(network.workers.values());
    const models = network.models.map((model) => ({ ...model, cells: cells.get(model.id) ?? "" }));
    const alive = models.filter((model) => model.workers || model.waiting);
    keep(this.lanes, this.kept, alive, (model) => model.id, makeLane);
    const idle = models.filter((model) => !alive.includes(model)).map((model) => model.name);
    this.unserved.hidden = idle.length === 0;
    say(this.unserved, `No worker serves ${idle.join(", ")} now.`);
  }
}

/** The cells of all workers that serve a model, the busy ones to the left as far as they are many. */
function cellsByModel(workers) {
  const found = new Map();
  for (const worker of workers) {
    if (worker.status === "away" || worker.status === "draining") continue;
    for (const replica of worker.models) {
      if (replica.status === "ready") found.set(replica.id, (found.get(replica.id) ?? "") + replica.cells);
    }
  }
  return found;
}

function makeLane(model) {
  const dots = h("div", { class: "dots", role: "img" });
  const strip = new Strip(MAX_CELLS);
  const nobody = h("span", { class: "muted" }, "no worker serves it now");
  const rate = h("span", { class: "rate" });
  const counts = h("span", { class: "muted" });
  // Nobody chats with a pipeline: it has no page to go to.
  const name = model.tools
    ? h("span", { class: "pipeline", title: model.id }, model.name)
    : link(`/playground?model=${encodeURIComponent(model.id)}`, { title: `Chat with ${model.id}` }, model.name);
  const tools = h("span", { class: "muted", hidden: !model.tools }, toolWords(model.tools ?? []));
  const node = h(
    "div", { class: "lane" },
    h("div", { class: "name" }, name, tools, counts),
    dots, h("div", { class: "slots" }, strip.node, nobody), rate,
  );
  function update(now) {
    strip.show(now.cells);
    nobody.hidden = now.workers > 0;
    strip.node.hidden = now.workers === 0;
    say(counts, now.workers ? `${plural(now.workers, "worker")}${seeing(now)}, ${now.busy} of ${plural(now.slots, "slot")} busy` : "");
    say(rate, now.workers && !now.tools ? `${speed(now.tokens_per_second)} tok/s` : "");
    showDots(dots, now.waiting);
  }
  return { node, update };
}

/** How many of its workers show the model pictures, where any does. */
function seeing(model) {
  if (!model.seeing) return "";
  if (model.seeing < model.workers) return ` (${model.seeing} with vision)`;
  return " with vision";
}

function showDots(dots, waiting) {
  const shown = Math.min(waiting, MAX_DOTS);
  const all = dots.querySelectorAll("i");
  for (let place = all.length; place > shown; place--) all[place - 1].remove();
  for (let place = all.length; place < shown; place++) dots.prepend(h("i"));
  let more = dots.querySelector("b");
  if (waiting > MAX_DOTS && !more) dots.prepend((more = h("b")));
  if (more) more.hidden = waiting <= MAX_DOTS;
  if (more) say(more, `+${waiting - MAX_DOTS}`);
  label(dots, waiting ? `${plural(waiting, "request")} waiting` : "nobody waits");
}
