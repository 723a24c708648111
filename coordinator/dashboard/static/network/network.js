// The network, live: how fast it flows, who waits, what every worker does, what is wrong.

import { h, say } from "../parts/dom.js";
import { plural, speed, whole } from "../parts/format.js";
import { legend } from "./cells.js";
import { Flow } from "./flow.js";
import { Lanes } from "./lanes.js";
import { watchNetwork } from "./live.js";
import { Ranges } from "./ranges.js";
import { Problems } from "../parts/problems.js";
import { Tiles } from "./tiles.js";

export function networkPage(root, { askForKey }) {
  const view = new NetworkView();
  const trouble = (error) => {
    if (error && (error.status === 401 || error.status === 403)) return askForKey(error.message.startsWith("You did not") ? null : error);
    view.trouble(error);
  };
  root.append(view.node);
  const end = watchNetwork((network) => view.show(network), trouble);
  return () => {
    end();
    view.flow.end();
  };
}

class NetworkView {
  constructor() {
    this.flow = new Flow(150);
    this.lanes = new Lanes();
    this.tiles = new Tiles();
    this.problems = new Problems();
    this.ranges = new Ranges();
    this.shown = false;
    this.now = h("strong", { class: "big" }, "–");
    this.facts = h("ul", { class: "facts" });
    this.fact = { busy: this.#fact("slots busy"), workers: this.#fact("workers"), waiting: this.#fact("waiting") };
    this.level = h("i");
    this.queue = h("div", { class: "queue", role: "meter", "aria-label": "Queue", "aria-valuemin": 0 }, this.level);
    this.note = h("p", { class: "note", role: "status", hidden: true });
    this.empty = emptyNetwork();
    this.workers = h("section", { class: "card", "aria-labelledby": "workers-title" }, h("h2", { id: "workers-title" }, "Workers"), legend(), this.tiles.node);
    this.node = h(
      "div", { class: "network" }, this.note,
      h("section", { class: "card hero", "aria-label": "Speed" },
        h("div", { class: "over" }, h("h1", {}, this.now, h("span", {}, "tokens a second")), this.facts),
        this.flow.node, this.queue),
      this.problems.node,
      h("section", { class: "card", "aria-labelledby": "models-title" }, h("h2", { id: "models-title" }, "Models"), this.lanes.node),
      this.empty, this.ranges.node, this.workers,
    );
    this.problems.node.hidden = true;
    this.empty.hidden = true;
  }

  show(network) {
    const { totals } = network;
    if (!this.shown) this.ranges.choose(1); // who may not see the network is asked for a key first
    this.shown = true;
    say(this.now, speed(totals.tokens_per_second));
    say(this.fact.busy, `${whole(totals.busy)} of ${whole(totals.slots)}`);
    say(this.fact.workers, whole(totals.workers));
    say(this.fact.waiting, whole(totals.waiting));
    this.#queueBar(totals);
    this.flow.show(network.history);
    this.lanes.show(network);
    this.tiles.show(network);
    this.problems.show(network.problems);
    const nobody = network.workers.size === 0;
    this.empty.hidden = !nobody;
    this.workers.hidden = nobody;
  }

  /** The stream is gone: what is shown is old, and the page says so. */
  trouble(error) {
    this.note.hidden = !error;
    this.node.classList.toggle("old", Boolean(error));
    if (error) say(this.note, `${error.message} What you see is from before; trying again.`);
  }

  #fact(words) {
    const number = h("strong", {}, "–");
    this.facts.append(h("li", {}, number, ` ${words}`));
    return number;
  }

  #queueBar({ waiting, queue }) {
    const part = queue ? Math.min(1, waiting / queue) : 0;
    this.level.style.width = `${part * 100}%`;
    this.queue.hidden = waiting === 0;
    this.queue.setAttribute("aria-valuemax", String(queue));
    this.queue.setAttribute("aria-valuenow", String(waiting));
    this.queue.title = `${plural(waiting, "request")} waiting; there is room for ${whole(queue)}`;
    this.queue.setAttribute("aria-valuetext", this.queue.title);
  }
}

function emptyNetwork() {
  return h(
    "section", { class: "card empty" },
    h("h2", {}, "No worker is here yet"),
    h("p", {}, "Start one on a machine with a GPU, with the same kind of key that you signed in with:"),
    h("pre", {}, `supernet-worker --coordinator ${location.origin.replace(/^http/, "ws")} --key-file key.txt`),
    h("p", { class: "muted" }, "It shows up here the moment it connects."),
  );
}
