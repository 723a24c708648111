// The knobs of the playground -> the fields of a request. An empty field is left out: the model's own default counts.

import { h } from "../parts/dom.js";

/** @type {[string, string, {min: number, max?: number, step: number}][]} */
const NUMBERS = [
  ["temperature", "Temperature", { min: 0, max: 2, step: 0.1 }],
  ["top_p", "Top p", { min: 0.01, max: 1, step: 0.01 }],
  ["top_k", "Top k", { min: 0, max: 1000, step: 1 }],
  ["min_p", "Min p", { min: 0, max: 1, step: 0.01 }],
  ["presence_penalty", "Presence penalty", { min: -2, max: 2, step: 0.1 }],
  ["repetition_penalty", "Repetition penalty", { min: 0.1, max: 2, step: 0.05 }],
  ["max_tokens", "Most tokens", { min: 1, step: 1 }],
  ["seed", "Seed", { min: 0, step: 1 }],
];
const EXAMPLE = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather of a city now",
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];

export class Settings {
  constructor() {
    /** @type {any[]} */
    this.models = []; // as /v1/models lists them
    this.model = h("select", { id: "model", onchange: () => this.#chose() });
    /** @type {() => void} */
    this.changed = () => {}; // another model has been chosen
    this.about = h("p", { class: "muted about-model" });
    this.system = h("textarea", { id: "system", rows: 3, placeholder: "You are a helpful assistant." });
    this.thinking = h("input", { id: "thinking", type: "checkbox", checked: true, onchange: () => this.#hints() });
    this.thinkingRow = h("label", { class: "check", for: "thinking" }, this.thinking, "Think before answering");
    this.profile = h("select", { id: "profile", onchange: () => this.#hints() }, ["general", "coding", "reasoning"].map((name) => h("option", { value: name }, name)));
    this.numbers = new Map(NUMBERS.map(([name, , bounds]) => [name, h("input", { id: name, type: "number", inputmode: "decimal", ...bounds })]));
    this.tools = h("textarea", { id: "tools", rows: 7, spellcheck: "false", class: "code", "aria-describedby": "tools-error" });
    this.toolsError = h("p", { id: "tools-error", class: "problem-line", role: "alert" });
    const example = h("button", { type: "button", onclick: () => (this.tools.value = JSON.stringify(EXAMPLE, null, 2)) }, "Put in an example");
    this.node = h(
      "aside", { class: "card settings", "aria-label": "Settings" },
      labelled("model", "Model", this.model), this.about, this.thinkingRow,
      h("details", { open: matchMedia("(min-width: 901px)").matches },
        h("summary", {}, "Sampling"),
        h("div", { class: "pairs" }, labelled("profile", "Task", this.profile), NUMBERS.map(([name, text]) => labelled(name, text, this.numbers.get(name))))),
      h("details", {}, h("summary", {}, "System message"), labelled("system", "What the model is told first", this.system)),
      h("details", {}, h("summary", {}, "Tools"), labelled("tools", "Functions that the model may call, as JSON", this.tools), this.toolsError, example),
    );
  }

  /** `models` as `/v1/models` lists them. */
  offer(models, chosen) {
    this.models = models;
    const before = this.model.value;
    const sorted = [...models].sort((a, b) => Number(b.workers_online > 0) - Number(a.workers_online > 0));
    this.model.replaceChildren(...sorted.map((model) => h("option", { value: model.id }, model.workers_online ? model.name : `${model.name} (no worker)`)));
    const wanted = models.find((model) => model.id === chosen) ?? models.find((model) => model.id === before) ?? sorted[0];
    if (wanted) this.model.value = wanted.id;
    this.#chose();
  }

  get chosen() {
    return this.models.find((model) => model.id === this.model.value);
  }

  /** The fields of a request but for its messages. Throws an Error with a text for the reader. */
  fields() {
    const body = { model: this.model.value };
    for (const [name, field] of this.numbers) {
      if (!field.validity.valid) throw new Error(`${field.labels?.[0].textContent}: ${field.validationMessage}`);
      if (field.value !== "") body[name] = Number(field.value);
    }
    if (this.profile.value !== "general") body.task_profile = this.profile.value;
    if (this.#canThink()) body.chat_template_kwargs = { enable_thinking: this.thinking.checked };
    const tools = this.#tools();
    if (tools) body.tools = tools;
    return body;
  }

  #tools() {
    this.toolsError.textContent = "";
    if (!this.tools.value.trim()) return null;
    try {
      const tools = JSON.parse(this.tools.value);
      if (!Array.isArray(tools)) throw new Error("a list is expected");
      return tools.length ? tools : null;
    } catch (error) {
      this.toolsError.textContent = `This is not JSON that can be sent: ${error instanceof Error ? error.message : error}`;
      const fold = this.tools.closest("details");
      if (fold) fold.open = true;
      throw new Error("The tools are not valid JSON.");
    }
  }

  #chose() {
    this.#hints();
    this.changed();
  }

  #canThink() {
    return this.chosen?.features.includes("reasoning") ?? false;
  }

  /** What the model would take if a field stays empty. */
  #hints() {
    const model = this.chosen;
    this.thinkingRow.hidden = !this.#canThink();
    if (!model) return;
    const column = this.#canThink() && this.thinking.checked ? "thinking" : "plain";
    const preset = model.presets[`${column}_${this.profile.value}`] ?? model.presets[`${column}_general`] ?? {};
    for (const [name, field] of this.numbers) field.placeholder = String(preset[name] ?? (name === "max_tokens" ? model.max_output_tokens : "default"));
    const price = model.price;
    this.about.textContent = `${model.context_length.toLocaleString("en")} tokens of context · $${price.prompt_per_million} in, $${price.completion_per_million} out per million${model.vision ? " · sees pictures" : ""} · ${model.free_slots} of ${model.slots} slots free`;
  }
}

function labelled(id, text, field) {
  return h("div", { class: "field" }, h("label", { for: id }, text), field);
}
