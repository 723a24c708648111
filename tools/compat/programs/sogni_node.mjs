// The service's own SDK for Node, @sogni-ai/sogni-client: hosted chat over HTTP, and chat over its socket.
import assert from "node:assert/strict";
import { ChatJobError, SogniClient } from "@sogni-ai/sogni-client";
import { KEY, MODEL, SAID, SOCKET, URL, expect, loop, tell } from "./outcome.mjs";

process.on("unhandledRejection", () => {}); // with a key that is none the SDK's own request for the account has nobody to hear of it
const endpoints = { restEndpoint: URL.replace(/\/v1$/, ""), socketEndpoint: SOCKET };
const sogni = await SogniClient.createInstance({ apiKey: KEY, appId: "compat-node", ...endpoints });
const HELLO = [{ role: "user", content: SAID.hello.ask }];
const whole = (messages, more = {}) => sogni.chat.hosted.create({ model: MODEL, messages, ...more });
const step = async (messages) => {
  const { refusal, ...message } = (await whole(messages, { tools: [SAID.tool] })).choices[0].message;
  return message;
};
const socket = (messages, more = {}) => sogni.chat.completions.create({ model: MODEL, messages, ...more });
const turn = ({ content, tool_calls }) => ({ role: "assistant", content: content || null, tool_calls });
const thoughtless = (text) => text.replace(/^<think>\n[^]*?\n<\/think>\n\n/, "");

async function streamed(messages, more = {}) {
  const stream = await socket(messages, { stream: true, ...more });
  let pieces = 0;
  for await (const chunk of stream) if (chunk.content) pieces++;
  assert.ok(pieces > 1 || more.tools, "it came in one piece");
  return stream.finalResult;
}

function answered(result) {
  if (SAID.hello.thought !== null) assert.ok(result.content.includes(`<think>\n${SAID.hello.thought}`), result.content);
  expect(thoughtless(result.content), SAID.hello.answer);
  assert.equal(result.usage.prompt_tokens + result.usage.completion_tokens, result.usage.total_tokens);
  assert.equal(result.cost.outputTokens, result.usage.completion_tokens);
  assert.ok(Number(result.cost.costInUSD) > 0 && result.workerName && result.finishReason === "stop");
}

async function refused(promise, type, code) {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof ChatJobError, error);
    assert.deepEqual([error.errorType, error.code], [type, code], error.message);
    return `${error.constructor.name}: ${type}`;
  }
  assert.fail("no error");
}

await tell("whole answer", async () =>
  expect((await whole(HELLO)).choices[0].message.content, SAID.hello.answer));
await tell("usage", async () => {
  const { usage } = await whole(HELLO);
  assert.equal(usage.prompt_tokens + usage.completion_tokens, usage.total_tokens);
});
await tell("call, result, ..., answer", () => loop(step, SAID.in_turn));
await tell("calls at once", () => loop(step, SAID.at_once));
await tell("typed error", async () => {
  try {
    await whole(HELLO, { model: "no-such-model" });
  } catch (error) {
    assert.ok(error.message.includes("There is no model"), error);
    return error.constructor.name;
  }
  assert.fail("no error");
});
await tell("socket: sign in, models, account", async () => {
  const models = await sogni.chat.waitForModels();
  assert.equal(models[MODEL].workers, 1);
  assert.ok(models[MODEL].maxContextLength >= models[MODEL].maxOutputTokens.max);
  assert.ok(sogni.currentAccount.username);
  assert.equal(sogni.currentAccount.networkStatus, "connected");
});
await tell("socket: whole answer", async () => answered(await socket(HELLO)));
await tell("socket: streamed answer", async () => answered(await streamed(HELLO)));
await tell("socket: call, result, ..., answer", () =>
  loop(async (messages) => turn(await socket(messages, { tools: [SAID.tool] })), SAID.in_turn));
await tell("socket: calls at once, streamed", () =>
  loop(async (messages) => turn(await streamed(messages, { tools: [SAID.tool] })), SAID.at_once));
await tell("socket: thought not shown", async () => {
  const { content } = await socket(HELLO, { think: false, taskProfile: "coding", max_tokens: 200, top_k: 5, min_p: 0 });
  assert.ok(content.trim() && !content.startsWith("<think>"), content);
});
if (SAID.look)
  await tell("socket: a picture", async () => {
    const look = [{ type: "text", text: SAID.look.ask }, { type: "image_url", image_url: { url: SAID.picture.url } }];
    const { content } = await socket([{ role: "user", content: look }]);
    expect(thoughtless(content), SAID.look.answer);
  });
await tell("socket: estimate", async () => {
  const quote = await sogni.chat.estimateCost({ model: MODEL, messages: HELLO, max_tokens: 100, tokenType: "spark" });
  assert.ok(quote.costInToken > 0 && quote.costInToken === quote.costInSpark && quote.outputTokens === 100);
});
await tell("socket: balance", async () => {
  const before = Number((await sogni.account.accountBalance()).spark.net);
  await socket(HELLO);
  for (let n = 0; n < 100; n++) {
    const now = await sogni.account.accountBalance(); // while a job runs more is held than it will cost
    if (Number(now.spark.net) < before && now.spark.debit === "0" && sogni.currentAccount.balance.spark.net === now.spark.net)
      return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.fail(`still ${sogni.currentAccount.balance.spark.net}, before it was ${before}`);
});
await tell("socket: cancel", async () => {
  const stream = await socket(HELLO, { stream: true });
  const first = await stream[Symbol.asyncIterator]().next();
  assert.equal(first.done, false);
  const cancelled = refused((async () => { for await (const _ of stream); })(), "artistCanceled", undefined);
  await sogni.projects.cancel(stream.jobID);
  return cancelled;
});
await tell("socket: typed error", () => refused(socket(HELLO, { model: "no-such-model", stream: true })
  .then(async (stream) => { for await (const _ of stream); }), "model_unavailable", "model_not_found"));
await tell("socket: wrong key", async () => {
  const key = KEY.slice(0, -1) + (KEY.endsWith("A") ? "B" : "A");
  const nowhere = "http://127.0.0.1:9"; // else a 401 over HTTP has the SDK forget its key before the socket is closed
  const stranger = await SogniClient.createInstance({
    apiKey: key, appId: "stranger", logLevel: "error", restEndpoint: nowhere, socketEndpoint: SOCKET,
  });
  const { code } = await new Promise((resolve) => stranger.apiClient.socket.on("disconnected", resolve));
  assert.equal(code, 4021);
  assert.equal(stranger.apiClient.isAuthenticated, false);
});
await tell("not offered is said so", async () => {
  await assert.rejects(sogni.chat.runs.create({ messages: HELLO }), (error) => {
    assert.equal(error.code, "not_offered");
    return error.message.includes("chat.hosted");
  });
  await assert.rejects(sogni.account.walletBalance("0x0"), (error) => error.status === 404 && error.message.includes("wallets"));
});
process.exit(0); // its timers would keep the process for a while
