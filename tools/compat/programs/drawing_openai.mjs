// The openai package for Node where something is drawn: in chats and responses, and at the endpoints of media.
import assert from "node:assert/strict";
import OpenAI, { toFile } from "openai";
import { ended, inBase64, linked, lookedAt, made } from "./drawn.mjs";
import { KEY, MODEL, SAID, URL, expect, tell } from "./outcome.mjs";

const client = new OpenAI({ baseURL: URL, apiKey: KEY });
const { draw, plain, pipeline, size, change, film, film_pipeline, picture } = SAID;
const asking = (task) => ({ model: MODEL, messages: [{ role: "user", content: task.ask }] });
const chat = (task, more = {}) => client.chat.completions.create({ ...asking(task), ...more });

async function whole(task = draw, mediaType) {
  const done = await chat(task);
  const [{ finish_reason, message }] = done.choices;
  ended(finish_reason);
  assert.ok(!message.tool_calls);
  made(done.sogni_tool_results, await linked(message.content, task.answer, mediaType));
}

await tell("chat: whole", () => whole());
await tell("chat: streamed, with its progress", async () => {
  const stream_options = { include_usage: true, include_tool_progress: true };
  const chunks = await Array.fromAsync(await chat(draw, { stream: true, stream_options }));
  assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
  const choices = chunks.flatMap((chunk) => chunk.choices);
  assert.ok(!choices.some(({ delta }) => delta.tool_calls));
  const ends = choices.map((choice) => choice.finish_reason).filter(Boolean);
  assert.equal(ends.length, 1);
  ended(ends[0]);
  assert.equal(chunks.map((chunk) => chunk.sogni_tool_progress).filter(Boolean).at(-1).percent, 100);
  const [results] = chunks.map((chunk) => chunk.sogni_tool_results).filter(Boolean);
  made(results, await linked(choices.map(({ delta }) => delta.content ?? "").join(""), draw.answer));
});
await tell("chat: .stream()", async () => {
  const stream = client.chat.completions.stream({ ...asking(draw), stream_options: { include_tool_progress: true } });
  let said = "";
  stream.on("content", (piece) => (said += piece));
  const [{ finish_reason, message }] = (await stream.finalChatCompletion()).choices;
  ended(finish_reason);
  assert.ok(!message.tool_calls);
  assert.equal(message.content, said);
  await linked(said, draw.answer);
});
await tell("chat: not wanted", async () => {
  const { data, response } = await chat(plain, { sogni_tools: false }).withResponse();
  assert.equal(response.headers.get("x-supernet-platform-tools"), null);
  const { content } = data.choices[0].message;
  expect(content, plain.answer);
  assert.ok(!content.includes("](http"), content);
});
await tell("chat: calls left to the client", async () => {
  const [{ finish_reason, message }] = (await chat(draw, { sogni_tool_execution: false })).choices;
  assert.equal(finish_reason, "tool_calls");
  assert.deepEqual(message.tool_calls.map((call) => call.function.name), ["sogni_generate_image"]);
});
await tell("responses: whole and .stream()", async () => {
  const asked = { model: MODEL, input: draw.ask, sogni_tools: true };
  await linked((await client.responses.create(asked)).output_text, draw.answer);
  const kinds = [];
  const stream = client.responses.stream(asked);
  for await (const event of stream) kinds.push(event.type);
  assert.equal(kinds.filter((each) => each === "response.created").length, 1, kinds.join());
  assert.ok(["response.completed", "response.incomplete"].includes(kinds.at(-1)), kinds.join());
  const answer = await stream.finalResponse();
  made(answer.sogni_tool_results, await linked(answer.output_text, draw.answer));
});
await tell("responses: image_generation", async () => {
  const asked = { model: MODEL, input: draw.ask, tools: [{ type: "image_generation" }] };
  const picture = ({ output }) => inBase64(output.find(({ type }) => type === "image_generation_call").result);
  picture(await client.responses.create(asked));
  const kinds = [];
  const stream = client.responses.stream(asked);
  for await (const { type } of stream) kinds.push(type);
  picture(await stream.finalResponse());
  const told = kinds.filter((kind) => kind.includes(".image_generation_call.")).map((kind) => kind.split(".").at(-1));
  assert.deepEqual([told[0], told.at(-1)], ["in_progress", "completed"]);
});
await tell("pictures: in base64", async () =>
  inBase64((await client.images.generate({ model: pipeline, prompt: draw.ask, size })).data[0].b64_json));
await tell("pictures: two links", async () => {
  const wish = { model: pipeline, prompt: draw.ask, size, n: 2, response_format: "url" };
  const { data } = await client.images.generate(wish);
  assert.equal(data.length, 2);
  for (const { url } of data) await linked(`](${url})`, null);
});
await tell("pictures: streamed", async () => {
  const wish = { model: pipeline, prompt: draw.ask, size, partial_images: 2, stream: true };
  const events = await Array.fromAsync(await client.images.generate(wish));
  assert.equal(events.at(-1).type, "image_generation.completed");
  inBase64(events.at(-1).b64_json);
});
await tell("pictures: typed error", async () => {
  try {
    await client.images.generate({ model: "no-such-pipeline", prompt: "x" });
  } catch (error) {
    assert.ok(error instanceof OpenAI.NotFoundError, error);
    assert.equal(error.code, "model_not_found");
    return error.constructor.name;
  }
  assert.fail("no error");
});

if (film) {
  await tell("chat: a picture changed", async () => {
    const content = [{ type: "text", text: change.ask }, { type: "image_url", image_url: { url: picture } }];
    const done = await client.chat.completions.create({ model: MODEL, messages: [{ role: "user", content }] });
    await linked(done.choices[0].message.content, change.answer);
  });
  await tell("chat: a film", () => whole(film, "video/mp4"));
  await tell("pictures: edited", async () => {
    const image = [await toFile(Buffer.from(picture.split(",")[1], "base64"), "red.png", { type: "image/png" })];
    inBase64((await client.images.edit({ model: pipeline, image, prompt: "blue", size })).data[0].b64_json);
  });
  await tell("films: made, fetched, listed, deleted", async () => {
    let video = await client.videos.create({ model: film_pipeline, prompt: film.ask, seconds: "1", size });
    for (let n = 0; n < 600 && ["queued", "in_progress"].includes(video.status); n++) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      video = await client.videos.retrieve(video.id);
    }
    assert.deepEqual([video.status, video.progress], ["completed", 100]);
    const content = await client.videos.downloadContent(video.id);
    lookedAt(Buffer.from(await content.arrayBuffer()), "video/mp4");
    const ids = (await Array.fromAsync(client.videos.list())).map(({ id }) => id);
    assert.ok(ids.includes(video.id), ids.join());
    assert.equal((await client.videos.delete(video.id)).deleted, true);
  });
}
