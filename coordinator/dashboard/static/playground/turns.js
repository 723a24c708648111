// What a conversation looks like: a question, and an answer with its thought, its calls, its cost and its troubles.

import { grow, h, say } from "../parts/dom.js";
import { plural, speed, words } from "../parts/format.js";
import { Makings, toolWords } from "../network/makings.js";
import { Markdown } from "./markdown.js";
import { Media } from "./media.js";
import { costOf } from "./money.js";
import { pictureNode } from "./pictures.js";

const FINISHED = {
  length: "Cut off: the answer reached its limit of tokens.",
  content_filter: "Cut off by a filter.",
};

/**
 * @param {string} text
 * @param {import("./pictures.js").Picture[]} [pictures]
 */
export function questionNode(text, pictures = []) {
  return h(
    "article", { class: "turn question" }, h("h3", { class: "who" }, "You"),
    pictures.length > 0 && h("div", { class: "shown" }, pictures.map(pictureNode)), text && h("div", { class: "said" }, text),
  );
}

export function resultNode(name, text) {
  return h("article", { class: "turn result" }, h("h3", { class: "who" }, "Result of ", h("code", {}, name)), h("pre", {}, text));
}

/** An answer on the page; `show` it again whenever more has come. */
export class AnswerView {
  constructor(model) {
    this.state = h("p", { class: "state", role: "status" }, "Sending…");
    this.thought = h("div", { class: "thought-text" });
    this.summary = h("summary", {}, "Thinking…");
    this.fold = h("details", { class: "thought", hidden: true }, this.summary, this.thought);
    this.markdown = new Markdown();
    this.media = new Media();
    this.makings = new Makings();
    this.calls = h("div", { class: "calls" });
    this.callViews = [];
    this.trouble = h("div", { class: "trouble", role: "alert", hidden: true });
    this.meta = h("p", { class: "meta" });
    this.node = h(
      "article", { class: "turn answer", "aria-busy": "true" },
      h("h3", { class: "who" }, model), this.state, this.fold, this.markdown.node, this.makings.node, this.media.node, this.calls, this.trouble, this.meta,
    );
    this.fold.addEventListener("click", () => (this.touched = true));
    this.touched = false;
    this.frame = 0;
    this.thoughtMs = null;
  }

  /** At most once a frame, however fast the tokens come. */
  show(answer) {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = 0;
      this.#draw(answer);
    });
  }

  #draw(answer) {
    this.#state(answer);
    if (answer.reasoning) this.#reasoning(answer);
    this.markdown.show(answer.content);
    this.media.show(answer.content);
    this.makings.show(answer.makings.map((making) => ({ stage: stageOf(making), percent: making.percent })));
    answer.calls.forEach((call, place) => {
      this.callViews[place] ??= this.#newCall();
      say(this.callViews[place].name, call.name);
      grow(this.callViews[place].text, call.arguments);
    });
  }

  #state(answer) {
    const about = answer.waitS ? `, about ${answer.waitS} s` : "";
    const waiting = answer.place !== null ? `Waiting: place ${answer.place} in the queue${about}` : answer.firstMs === null && !answer.tools.size ? "Reading…" : "";
    say(this.state, waiting);
    this.state.hidden = !waiting || answer.totalMs !== null;
  }

  #reasoning(answer) {
    this.fold.hidden = false;
    grow(this.thought, answer.reasoning);
    const thinks = !answer.content && !answer.calls.length && answer.totalMs === null;
    if (!thinks) this.thoughtMs ??= performance.now() - answer.begun - (answer.firstMs ?? 0);
    say(this.summary, thinks ? "Thinking…" : `Thought for ${(this.thoughtMs / 1000).toFixed(1)} s`);
    this.fold.classList.toggle("live", thinks);
    // It is open while it is all there is, unless the reader has decided.
    if (!this.touched) this.fold.open = thinks;
  }

  #newCall() {
    const name = h("code", {});
    const text = h("pre", { tabindex: "0" });
    this.calls.append(h("section", { class: "call" }, h("p", {}, "Calls ", name), text));
    return { name, text };
  }

  /** Nothing more comes. `error`: why it did not end well; `again`: what a retry does. */
  finish(answer, error, again) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.#draw(answer);
    answer.calls.forEach((call, place) => say(this.callViews[place].text, pretty(call.arguments)));
    this.node.setAttribute("aria-busy", "false");
    this.state.hidden = true;
    const stopped = error?.name === "AbortError";
    if (error && !stopped) this.#troubled(error, again);
    const notes = [stopped ? "Stopped." : null, FINISHED[answer.finish], ...answer.warnings].filter(Boolean);
    this.meta.replaceChildren(...notes.map((note) => h("span", { class: "warned" }, note)), ...figures(answer).map((text) => h("span", {}, text)));
  }

  #troubled(error, again) {
    this.trouble.hidden = false;
    const wait = error.retryAfter ? ` It may work in ${plural(Math.ceil(error.retryAfter), "second")}.` : "";
    this.trouble.replaceChildren(
      h("p", {}, h("strong", {}, error.code ? words(error.code) : "Failed"), h("br"), `${error.message}${wait}`),
      h("button", { type: "button", onclick: again }, "Try again"),
    );
  }
}

/** What is made, and how long that still takes where it can be said. */
function stageOf({ name, status, eta_seconds: seconds }) {
  const what = toolWords([name.replace(/^sogni_/, "")]);
  if (status === "queued") return `${what}, waiting for a worker`;
  return seconds === null ? what : `${what}, about ${plural(seconds, "second")} more`;
}

function figures(answer) {
  const usage = answer.usage;
  const found = [];
  if (usage) {
    const cached = usage.prompt_tokens_details?.cached_tokens;
    found.push(`${plural(usage.prompt_tokens, "token")} in${cached ? ` (${cached} cached)` : ""}, ${plural(usage.completion_tokens, "token")} out`);
  }
  if (answer.firstMs !== null) found.push(`first after ${answer.firstMs < 1000 ? `${Math.round(answer.firstMs)} ms` : `${(answer.firstMs / 1000).toFixed(1)} s`}`);
  if (answer.tps) found.push(`${speed(answer.tps)} tok/s`);
  const cost = costOf(usage);
  if (cost) found.push(`cost ${cost}`);
  return found;
}

/** Arguments indented where they are whole. */
export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Asks for the results of calls. `done(results)` with the texts, in the order of the calls. */
export function resultsForm(calls, done) {
  const fields = calls.map((call, place) => h("textarea", { id: `result-${place}-${call.id}`, rows: 2, placeholder: '{"temperature": 21}', required: true }));
  return h(
    "form", {
      class: "results",
      onsubmit: (event) => {
        event.preventDefault();
        event.target.remove();
        done(fields.map((field) => field.value));
      },
    },
    h("p", {}, "The model waits for what its ", plural(calls.length, "call"), " gave. You run the tool; write the result:"),
    calls.flatMap((call, place) => [h("label", { for: fields[place].id }, "Result of ", h("code", {}, call.name)), fields[place]]),
    h("button", { class: "primary", type: "submit" }, "Send"),
  );
}
