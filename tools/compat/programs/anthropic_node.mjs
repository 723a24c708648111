// The @anthropic-ai/sdk package for Node.
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";
import { KEY, MODEL, SAID, STEPS, URL, expect, tell } from "./outcome.mjs";

const client = new Anthropic({ baseURL: URL.replace(/\/v1$/, ""), apiKey: KEY });
const HELLO = [{ role: "user", content: SAID.hello.ask }];
const { name, description, parameters } = SAID.tool.function;
const tools = [{ name, description, input_schema: parameters }];

const wishes = (messages, more) => ({
  model: MODEL,
  max_tokens: 4000,
  thinking: { type: "adaptive" },
  messages,
  ...more,
});
const whole = (messages, more = {}) => client.messages.create(wishes(messages, more));
const streamed = (messages, more = {}) => client.messages.stream(wishes(messages, more)).finalMessage();
const text = (message, kind = "text") =>
  message.content
    .filter((block) => block.type === kind)
    .map((block) => block[kind])
    .join("");

const loop = async (ask, task) => {
  const messages = [{ role: "user", content: task.ask }];
  const cities = [];
  for (let n = 0; n < STEPS; n++) {
    const message = await ask(messages, { tools });
    messages.push({ role: "assistant", content: message.content });
    const calls = message.content.filter((block) => block.type === "tool_use");
    if (!calls.length) {
      assert.deepEqual(cities, task.cities);
      assert.ok(text(message).includes(task.answer), text(message));
      return;
    }
    cities.push(...calls.map((call) => call.input.city));
    const content = calls.map(({ id, input }) => ({
      type: "tool_result",
      tool_use_id: id,
      content: SAID.results[input.city],
    }));
    messages.push({ role: "user", content });
  }
  assert.fail(`no answer after ${STEPS} steps`);
};

await tell("whole answer", async () => expect(text(await whole(HELLO)), SAID.hello.answer));
await tell("streamed answer", async () => expect(text(await streamed(HELLO)), SAID.hello.answer));
await tell("thought apart", async () => expect(text(await whole(HELLO), "thinking"), SAID.hello.thought));
await tell("usage", async () => {
  for (const ask of [whole, streamed]) {
    const { usage } = await ask(HELLO);
    assert.ok(usage.output_tokens > 0 && usage.input_tokens + usage.cache_read_input_tokens > 0);
  }
});
await tell("call, result, ..., answer", () => loop(whole, SAID.in_turn));
await tell("the same, streamed", () => loop(streamed, SAID.in_turn));
await tell("calls at once", () => loop(whole, SAID.at_once));
await tell("calls at once, streamed", () => loop(streamed, SAID.at_once));
await tell("JSON schema", async () => {
  const { ask, schema } = SAID.schema;
  const output_config = { format: { type: "json_schema", schema } };
  const found = text(await whole([{ role: "user", content: ask }], { output_config }));
  assert.deepEqual(Object.keys(JSON.parse(found)).sort(), [...schema.required].sort());
});
await tell("typed error", async () => {
  try {
    await client.messages.create({ ...wishes(HELLO), model: "claude-opus-4-8" });
  } catch (error) {
    assert.ok(error instanceof Anthropic.NotFoundError, error);
    assert.ok(error.message.includes("ANTHROPIC_MODEL") && error.requestID, error);
    return error.constructor.name;
  }
  assert.fail("no error");
});
