// Vercel's ai with @ai-sdk/openai-compatible: it runs the tools itself.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, generateText, isStepCount, jsonSchema, streamText, tool } from "ai";
import { KEY, MODEL, SAID, STEPS, URL, expect, tell } from "./outcome.mjs";

const provider = createOpenAICompatible({
  name: "supernet",
  baseURL: URL,
  apiKey: KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider(MODEL);

const streamed = async (request) => {
  const result = streamText({ ...request, onError: ({ error }) => console.error(error) });
  await result.consumeStream();
  return {
    text: await result.text,
    reasoningText: await result.reasoningText,
    usage: await result.usage,
    steps: await result.steps,
  };
};

const hello = { model, prompt: SAID.hello.ask };

async function agent(ask, task) {
  const cities = [];
  const { description, parameters } = SAID.tool.function;
  const get_weather = tool({
    description,
    inputSchema: jsonSchema(parameters),
    execute: async ({ city }) => {
      cities.push(city);
      return SAID.results[city];
    },
  });
  const done = await ask({ model, prompt: task.ask, tools: { get_weather }, stopWhen: isStepCount(STEPS) });
  assert.deepEqual(cities, task.cities);
  assert.ok(done.text.includes(task.answer), done.text);
}

await tell("whole answer", async () => expect((await generateText(hello)).text, SAID.hello.answer));
await tell("streamed answer", async () => expect((await streamed(hello)).text, SAID.hello.answer));
await tell("thought apart", async () => {
  expect((await generateText(hello)).reasoningText, SAID.hello.thought);
  expect((await streamed(hello)).reasoningText, SAID.hello.thought);
});
await tell("usage", async () => {
  for (const ask of [generateText, streamed]) {
    const { usage } = await ask(hello);
    assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0, JSON.stringify(usage));
  }
});
await tell("call, result, ..., answer", () => agent(generateText, SAID.in_turn));
await tell("the same, streamed", () => agent(streamed, SAID.in_turn));
await tell("calls at once", () => agent(generateText, SAID.at_once));
await tell("calls at once, streamed", () => agent(streamed, SAID.at_once));
await tell("JSON schema", async () => {
  const { ask, schema } = SAID.schema;
  const { output } = await generateText({ model, prompt: ask, output: Output.object({ schema: jsonSchema(schema) }) });
  assert.deepEqual(Object.keys(output).sort(), [...schema.required].sort());
});
await tell("typed error", async () => {
  try {
    await generateText({ model: provider("no-such-model"), prompt: "x", maxRetries: 0 });
  } catch (error) {
    assert.ok(APICallError.isInstance(error), error);
    assert.equal(error.statusCode, 404);
    return `${error.name} ${error.statusCode}`;
  }
  assert.fail("no error");
});
