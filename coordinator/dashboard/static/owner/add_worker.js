// A machine joins the network in three steps: a key for it, a command there, and what becomes of it.

import { ApiError, json } from "../parts/api.js";
import { commandsCard } from "./commands.js";
import { copied } from "../parts/copy.js";
import { h, link, once, say } from "../parts/dom.js";
import { dollars, plural, whole } from "../parts/format.js";
import { Problems } from "../parts/problems.js";
import { toolWords } from "../network/makings.js";
import { wantedCard } from "./wanted.js";

const EVERY_MS = 2000;

export function addWorkerPage(root, { askForKey }) {
  const body = h("ol", { class: "network steps" });
  const stop = new AbortController();
  root.append(h("div", { class: "network" }, h("header", { class: "pagehead" }, h("h1", {}, "Add a worker"), h("p", { class: "muted" }, "A machine with Linux, best with a GPU, serves others and earns for it.")), body));

  async function load() {
    try {
      const [served, network] = await Promise.all([json("/downloads", { signal: stop.signal }), json("/v1/network", { signal: stop.signal })]);
      if (network.viewer === "public") return askForKey();
      const arrival = new Arrival(network.workers, stop.signal);
      const wanted = await wantedCard(stop.signal);
      if (stop.signal.aborted) return;
      body.replaceChildren(...(wanted ? [wanted] : []), keyCard(), commandsCard(served), arrival.node);
      arrival.watch();
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401 || error.status === 403) return askForKey(error.message.startsWith("You did not") ? null : error);
      body.replaceChildren(h("li", { class: "note", role: "alert" }, error.message));
    }
  }

  load();
  return () => stop.abort();
}

/** A key that can run workers and nothing else: a machine that is lost costs no money. */
function keyCard() {
  const name = h("input", { id: "worker-name", required: true, maxlength: 128, placeholder: "attic" });
  const said = h("p", { class: "problem-line", role: "alert" });
  const made = h("div", { role: "status" });
  const form = h("form", {
    onsubmit: once(async () => {
      said.textContent = "";
      try {
        const key = await json("/v1/account/keys", { method: "POST", body: { name: name.value.trim(), scopes: ["worker"] } });
        made.replaceChildren(h("div", { class: "note newkey" }, h("p", {}, "Copy it now: it is not shown again, and it can only run workers."), copied(key.key)));
        form.hidden = true;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        said.textContent = error.message;
      }
    }),
  }, h("label", { for: "worker-name" }, "What the machine is called"),
  h("div", { class: "row" }, name, h("button", { class: "primary", type: "submit" }, "Make its key")), said);
  return h("li", { class: "card" }, h("h2", {}, "1. A key for it"), form, made);
}

/** Waits for a worker of this account that was not there before, and tells how it gets on. */
class Arrival {
  constructor(workers, signal) {
    this.before = new Set(workers.map((worker) => worker.id));
    this.signal = signal;
    this.status = h("p", {}, "Waiting for it. This page notices when it arrives.");
    this.facts = h("ul", { class: "facts" });
    this.problems = new Problems();
    this.problems.node.hidden = true;
    this.node = h("li", { class: "card" }, h("h2", {}, "3. What becomes of it"), h("div", { role: "status" }, this.status, this.facts), this.problems.node);
    this.id = "";
  }

  async watch() {
    while (!this.signal.aborted) {
      try {
        if (!document.hidden) await this.#look();
      } catch (error) {
        if (this.signal.aborted) return;
        if (!(error instanceof ApiError)) throw error;
        say(this.status, error.code === "unknown_worker" ? "It is not connected any more." : error.message);
      }
      await new Promise((again) => setTimeout(again, EVERY_MS));
    }
  }

  async #look() {
    const signal = this.signal;
    if (!this.id) {
      const { workers } = await json("/v1/network", { signal });
      this.id = workers.find((worker) => worker.mine && !this.before.has(worker.id))?.id ?? "";
      if (!this.id) return;
      this.node.append(h("p", {}, link(`/workers/${this.id}`, {}, "Its page has the rest")));
    }
    const path = `/v1/network/workers/${this.id}`;
    const [worker, earned] = await Promise.all([json(path, { signal }), json(`${path}/earnings`, { signal })]);
    say(this.status, `${worker.name || "It"} is here: ${worker.gpu}, version ${worker.version}.`);
    const facts = [...worker.models.map(planned), income(worker, earned.earned_nano_usd)];
    if (JSON.stringify(facts) !== this.shown) {
      this.shown = JSON.stringify(facts);
      this.facts.replaceChildren(...facts.map((fact) => h("li", {}, fact)));
    }
    this.problems.show(worker.issues.slice(0, 1)); // one after the other: the next is shown when this is solved
  }
}

/** What is planned for a model or a pipeline, in words. */
function planned(model) {
  const what = model.tools ? toolWords(model.tools) : `${plural(model.cells.length, "chat")} at once, ${plural(model.context, "token")} each`;
  return `${model.id}: ${what}, ${model.status}`;
}

function income(worker, nano) {
  if (nano) return `It has earned its first ${dollars(nano)}.`;
  return worker.tokens ? `${whole(worker.tokens)} tokens served, nothing earned yet: chats of your own account are not paid.` : "Nothing earned yet: it waits for the first chat.";
}
