// The openai package for Node.
import assert from "node:assert/strict";
import OpenAI from "openai";
import { KEY, MODEL, SAID, URL, expect, loop, tell } from "./outcome.mjs";

const client = new OpenAI({ baseURL: URL, apiKey: KEY });
const HELLO = [{ role: "user", content: SAID.hello.ask }];

const whole = async (messages, more = {}) =>
  client.chat.completions.create({ model: MODEL, messages, ...more });

const streamed = async (messages, more = {}) =>
  client.chat.completions
    .stream({ model: MODEL, messages, stream_options: { include_usage: true }, ...more })
    .finalChatCompletion();

const step = (ask) => async (messages) => {
  const { refusal, parsed, ...message } = (await ask(messages, { tools: [SAID.tool] })).choices[0].message;
  return message;
};

await tell("whole answer", async () => expect((await whole(HELLO)).choices[0].message.content, SAID.hello.answer));
await tell("streamed answer", async () =>
  expect((await streamed(HELLO)).choices[0].message.content, SAID.hello.answer));
await tell("thought apart", async () =>
  expect((await whole(HELLO)).choices[0].message.reasoning_content, SAID.hello.thought));
await tell("usage", async () => {
  for (const ask of [whole, streamed]) {
    const { usage } = await ask(HELLO);
    assert.ok(usage.completion_tokens > usage.completion_tokens_details.reasoning_tokens);
    assert.equal(usage.prompt_tokens + usage.completion_tokens, usage.total_tokens);
  }
});
await tell("call, result, ..., answer", () => loop(step(whole), SAID.in_turn));
await tell("the same, streamed", () => loop(step(streamed), SAID.in_turn));
await tell("calls at once", () => loop(step(whole), SAID.at_once));
await tell("calls at once, streamed", () => loop(step(streamed), SAID.at_once));
await tell("JSON schema", async () => {
  const { ask, schema } = SAID.schema;
  const response_format = { type: "json_schema", json_schema: { name: "weather", strict: true, schema } };
  const done = await whole([{ role: "user", content: ask }], { response_format });
  assert.deepEqual(Object.keys(JSON.parse(done.choices[0].message.content)).sort(), [...schema.required].sort());
});
await tell("typed error", async () => {
  try {
    await client.chat.completions.create({ model: "no-such-model", messages: HELLO });
  } catch (error) {
    assert.ok(error instanceof OpenAI.NotFoundError, error);
    assert.equal(error.code, "model_not_found");
    return error.constructor.name;
  }
  assert.fail("no error");
});
await tell("list of models", async () => {
  for await (const model of client.models.list()) return expect(model.id, MODEL);
  assert.fail("no model");
});

if (SAID.picture) {
  const { url, tokens } = SAID.picture;
  const { look, map } = SAID;
  const picture = (ask) => async () => {
    const text = { type: "text", text: look.ask };
    const done = await ask([{ role: "user", content: [text, { type: "image_url", image_url: { url } }] }]);
    expect(done.choices[0].message.content, look.answer);
    const blind = await ask([{ role: "user", content: [text] }]);
    assert.ok(done.usage.prompt_tokens >= blind.usage.prompt_tokens + tokens);
  };
  const image = { type: "input_image", image_url: url, detail: "auto" };
  const create = (input, more = {}) => client.responses.create({ model: MODEL, input, ...more });
  await tell("a picture", picture(whole));
  await tell("a picture, streamed", picture(streamed));
  await tell("a picture from a tool", () =>
    loop(step(whole), map, (text) => [{ type: "text", text }, { type: "image_url", image_url: { url } }]));
  await tell("pictures in /v1/responses", async () => {
    const asked = [{ role: "user", content: [{ type: "input_text", text: look.ask }, image] }];
    expect((await create(asked)).output_text, look.answer);
    const tools = [{ type: "function", strict: false, ...SAID.tool.function }];
    const input = [{ role: "user", content: map.ask }];
    const { output } = await create(input, { tools });
    const call = output.find((item) => item.type === "function_call");
    const said = [{ type: "input_text", text: SAID.results[JSON.parse(call.arguments).city] }, image];
    input.push(...output, { type: "function_call_output", call_id: call.call_id, output: said });
    expect((await create(input, { tools })).output_text, map.answer);
  });
}
