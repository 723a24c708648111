// A chat in the browser, with everything that the API says about an answer.

import { ApiError, json } from "../parts/api.js";
import { Answer, ask } from "./chat.js";
import { h } from "../parts/dom.js";
import { Pictures, content } from "./pictures.js";
import { Settings } from "./settings.js";
import { AnswerView, questionNode, resultNode, resultsForm } from "./turns.js";

const NEAR_END = 120; // px: who is this near to the end is taken along

// The conversation and its knobs outlive a look at another page, not the tab and not the key.
let messages = [];
let turns = [];
let shown = []; // pictures of the conversation
let settings = null;

/** Whoever signs in next is somebody else. */
export function forget() {
  messages = [];
  turns = [];
  shown = [];
  settings = null;
}

export function playgroundPage(root, { askForKey }) {
  const view = new Playground(askForKey);
  root.append(view.node);
  view.begin();
  return () => view.stop();
}

class Playground {
  constructor(askForKey) {
    this.askForKey = askForKey;
    this.running = null;
    this.settings = settings ??= new Settings();
    this.pictures = new Pictures(() => shown);
    this.settings.changed = () => this.pictures.offer(this.settings.chosen);
    this.hello = h("div", { class: "hello muted" }, h("h1", {}, "Playground"), h("p", {}, "Ask something. What you write goes to a worker of this network, whose owner could read it."));
    this.log = h("div", { class: "log", role: "log", "aria-label": "Conversation", "aria-live": "off" }, turns);
    this.text = h("textarea", {
      id: "ask", rows: 1, placeholder: "Write a message", "aria-label": "Message", maxlength: 500000,
      onkeydown: (event) => this.#key(event), oninput: () => this.#grow(),
      onpaste: (event) => this.#paste(event),
    });
    this.button = h("button", { class: "primary", type: "submit" }, "Send");
    this.fresh = h("button", { type: "button", class: "quiet", onclick: () => this.#clear() }, "New chat");
    this.error = h("p", { class: "problem-line", role: "alert" });
    this.form = h("form", { class: "composer", onsubmit: (event) => this.#submit(event) }, this.pictures.node, this.text,
      h("div", { class: "actions" }, this.pictures.button, this.fresh, this.button), this.error);
    this.chat = h("section", {
      class: "chat", "aria-label": "Chat",
      ondragover: (event) => this.#over(event), ondragleave: () => this.chat.classList.remove("dropping"), ondrop: (event) => this.#drop(event),
    }, this.hello, this.log, this.form);
    this.node = h("div", { class: "playground" }, this.chat, this.settings.node);
  }

  async begin() {
    this.hello.hidden = messages.length > 0;
    this.fresh.hidden = messages.length === 0;
    this.#askForResults();
    try {
      const { data } = await json("/v1/models");
      this.settings.offer(data, new URLSearchParams(location.search).get("model"));
      this.text.focus();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return this.askForKey(error.message.startsWith("You did not") ? null : error);
      this.error.textContent = error.message;
    }
  }

  stop() {
    this.running?.abort();
  }

  // ---- what the reader does ------------------------------------------------------------------------------------

  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.form.requestSubmit();
    }
  }

  #submit(event) {
    event.preventDefault();
    if (this.running) return this.running.abort();
    const text = this.text.value.trim();
    let pictures;
    try {
      pictures = this.pictures.send();
    } catch (error) {
      this.error.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
    if (!text && !pictures.length) return;
    this.text.value = "";
    this.#grow();
    this.log.querySelector(".results")?.remove();
    shown.push(...pictures);
    this.#say({ role: "user", content: content(text, pictures) }, questionNode(text, pictures));
    this.#answer();
  }

  /** A picture among what is pasted is meant, whatever text stands beside it: that is its file's name or its markup. */
  #paste(event) {
    const files = event.clipboardData?.files ?? [];
    if (!files.length) return;
    event.preventDefault();
    this.pictures.take([...files]);
  }

  #over(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.chat.classList.add("dropping");
  }

  #drop(event) {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    this.chat.classList.remove("dropping");
    this.pictures.take([...event.dataTransfer.files]);
    this.text.focus();
  }

  #clear() {
    this.stop();
    messages = [];
    turns = [];
    shown = [];
    this.pictures.clear();
    this.error.textContent = "";
    this.log.replaceChildren();
    this.hello.hidden = false;
    this.fresh.hidden = true;
    this.text.focus();
  }

  #grow() {
    this.text.style.height = "auto";
    this.text.style.height = `${Math.min(this.text.scrollHeight + 2, innerHeight * 0.4)}px`;
  }

  #say(message, node) {
    messages.push(message);
    this.#put(node);
  }

  #put(node) {
    turns.push(node);
    this.log.append(node);
    this.hello.hidden = true;
    this.fresh.hidden = false;
    this.#follow(true);
  }

  #follow(always = false) {
    const page = document.scrollingElement ?? document.documentElement;
    if (always || page.scrollHeight - page.scrollTop - innerHeight < NEAR_END) page.scrollTop = page.scrollHeight;
  }

  // ---- the answer ----------------------------------------------------------------------------------------------

  async #answer() {
    this.error.textContent = "";
    let body;
    try {
      body = this.settings.fields();
    } catch (error) {
      this.error.textContent = error instanceof Error ? error.message : String(error);
      return;
    }
    const system = this.settings.system.value.trim();
    body.messages = [...(system ? [{ role: "system", content: system }] : []), ...messages];
    const answer = new Answer();
    const view = new AnswerView(this.settings.chosen?.name ?? body.model);
    const conversation = messages;
    this.#put(view.node);
    this.#busy(new AbortController());
    const running = this.running;
    /** @type {Error | null} */
    let failure = null;
    try {
      await ask(body, answer, () => { view.show(answer); this.#follow(); }, running.signal);
    } catch (error) {
      const known = error instanceof ApiError || (error instanceof DOMException && error.name === "AbortError");
      failure = known ? error : new ApiError(0, { message: "The line to the coordinator broke." });
    }
    view.finish(answer, failure, () => this.#again(view));
    if (this.running === running) this.#busy(null);
    if (conversation === messages) this.#remember(answer, failure);
    this.#follow();
  }

  /** What the model said is part of the conversation; a call without its result cannot be. */
  #remember(answer, failure) {
    if (!failure && answer.calls.length) {
      messages.push(answer.message());
      this.#askForResults();
    } else if (answer.content || answer.reasoning) {
      messages.push({ ...answer.message(), tool_calls: undefined });
    }
  }

  /** The form is no turn: who comes back from another page finds it again. */
  #askForResults() {
    const calls = messages.at(-1)?.tool_calls?.map((call) => ({ id: call.id, name: call.function.name }));
    if (calls) this.log.append(resultsForm(calls, (results) => this.#results(calls, results)));
  }

  #results(calls, results) {
    calls.forEach((call, place) => this.#say({ role: "tool", tool_call_id: call.id, content: results[place] }, resultNode(call.name, results[place])));
    this.#answer();
  }

  /** The same question again: what had come of the failed answer is taken back. */
  #again(view) {
    if (this.running) return;
    if (messages.at(-1)?.role === "assistant") messages.pop();
    turns = turns.filter((node) => node !== view.node);
    view.node.remove();
    this.#answer();
  }

  #busy(controller) {
    this.running = controller;
    this.button.textContent = controller ? "Stop" : "Send";
    this.button.classList.toggle("primary", !controller);
  }
}
