// The service's own SDK for Node where something is drawn: hosted chat, and chat over its socket.
import assert from "node:assert/strict";
import { SogniClient } from "@sogni-ai/sogni-client";
import { ended, linked, made } from "./drawn.mjs";
import { KEY, MODEL, SAID, SOCKET, URL, expect, tell } from "./outcome.mjs";

const endpoints = { restEndpoint: URL.replace(/\/v1$/, ""), socketEndpoint: SOCKET };
const sogni = await SogniClient.createInstance({ apiKey: KEY, appId: "compat-node-draws", ...endpoints });
const { draw, plain, change, film, picture } = SAID;
const asking = (task, more = {}) => ({ model: MODEL, messages: [{ role: "user", content: task.ask }], ...more });
const hosted = (task, more) => sogni.chat.hosted.create(asking(task, more));

async function whole(task, more, mediaType) {
  const done = await hosted(task, more);
  const [{ finish_reason, message }] = done.choices;
  ended(finish_reason);
  assert.ok(!message.tool_calls);
  made(done.sogni_tool_results, await linked(message.content, task.answer, mediaType));
}

await tell("chat: whole", () => whole(draw, {}));
for (const mode of [true, "creative-tools", "creative-agent", "rich"])
  await tell(`chat: sogni_tools ${mode}`, () => whole(draw, { sogni_tools: mode, sogni_tool_execution: true }));
await tell("chat: not wanted", async () => {
  const done = await hosted(plain, { sogni_tools: false });
  const { content } = done.choices[0].message;
  expect(content, plain.answer);
  assert.ok(!content.includes("](http") && done.sogni_tool_results === undefined, content);
});
await tell("chat: calls left to the client", async () => {
  const [{ finish_reason, message }] = (await hosted(draw, { sogni_tool_execution: false })).choices;
  assert.equal(finish_reason, "tool_calls");
  assert.deepEqual(message.tool_calls.map((call) => call.function.name), ["sogni_generate_image"]);
});
await tell("socket: whole", async () => {
  const more = { sogni_tools: true, sogni_tool_execution: true };
  const { content, finishReason } = await sogni.chat.completions.create(asking(draw, more));
  ended(finishReason);
  await linked(content, draw.answer);
});
await tell("socket: streamed", async () => {
  const stream = await sogni.chat.completions.create(asking(draw, { sogni_tools: true, stream: true }));
  let said = "";
  for await (const { content, tool_calls } of stream) {
    assert.ok(!tool_calls?.length);
    said += content;
  }
  ended(stream.finalResult.finishReason);
  await linked(said, draw.answer);
});
if (film) {
  await tell("chat: a picture changed", () => whole(change, { media_references: [{ kind: "image", url: picture }] }));
  await tell("chat: a film", () => whole(film, {}, "video/mp4"));
}
process.exit(0); // its timers would keep the process for a while
