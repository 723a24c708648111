// Vercel's ai with @ai-sdk/openai-compatible where something is drawn: in chats, and by its own call for pictures.
import assert from "node:assert/strict";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateImage, generateText, streamText } from "ai";
import { ended, linked, lookedAt } from "./drawn.mjs";
import { KEY, MODEL, SAID, URL, expect, tell } from "./outcome.mjs";

const provider = createOpenAICompatible({ name: "supernet", baseURL: URL, apiKey: KEY, includeUsage: true });
const { draw, plain, pipeline, size, film, picture } = SAID;
const asking = (task) => ({ model: provider(MODEL), prompt: task.ask });
const image = provider.imageModel(pipeline);

async function whole(task = draw, mediaType) {
  const done = await generateText(asking(task));
  ended(done.finishReason);
  assert.deepEqual([done.toolCalls, done.steps.length], [[], 1]);
  await linked(done.text, task.answer, mediaType);
}

await tell("chat: whole", () => whole());
await tell("chat: streamed", async () => {
  const parts = [];
  for await (const part of streamText({ ...asking(draw), onError: ({ error }) => console.error(error) }).fullStream)
    parts.push(part);
  const kinds = new Set(parts.map(({ type }) => type));
  assert.ok(![...kinds].some((kind) => kind.startsWith("tool") || kind === "error"), [...kinds].join());
  const ends = parts.filter(({ type }) => type === "finish");
  assert.equal(ends.length, 1);
  ended(ends[0].finishReason);
  await linked(parts.filter(({ type }) => type === "text-delta").map((part) => part.text).join(""), draw.answer);
});
await tell("chat: not wanted", async () => {
  const { text } = await generateText({ ...asking(plain), providerOptions: { supernet: { sogni_tools: false } } });
  expect(text, plain.answer);
  assert.ok(!text.includes("](http"), text);
});
await tell("pictures: in base64", async () => {
  const done = await generateImage({ model: image, prompt: draw.ask, size });
  lookedAt(Buffer.from(done.image.uint8Array));
});
await tell("pictures: two at once", async () => {
  const { images } = await generateImage({ model: image, prompt: draw.ask, size, n: 2, seed: 7 });
  assert.equal(images.length, 2);
  for (const one of images) lookedAt(Buffer.from(one.uint8Array));
});
await tell("pictures: typed error", async () => {
  try {
    await generateImage({ model: provider.imageModel("no-such-pipeline"), prompt: "x", maxRetries: 0 });
  } catch (error) {
    assert.ok(APICallError.isInstance(error), error);
    assert.equal(error.statusCode, 404);
    return `${error.name} ${error.statusCode}`;
  }
  assert.fail("no error");
});

if (film) {
  await tell("chat: a film", () => whole(film, "video/mp4"));
  await tell("pictures: edited", async () => {
    const images = [Buffer.from(picture.split(",")[1], "base64")];
    lookedAt(Buffer.from((await generateImage({ model: image, prompt: { text: "blue", images }, size })).image.uint8Array));
  });
}
