// outcome.py for programs of Node: the conversation, and how an outcome is told.
import assert from "node:assert/strict";

export const URL = process.env.CLIENT_URL;
export const SOCKET = process.env.CLIENT_SOCKET; // of a client that has one
export const KEY = process.env.CLIENT_KEY;
export const MODEL = process.env.CLIENT_MODEL;
export const SAID = JSON.parse(process.env.CLIENT_SAID);
export const STEPS = 6;

/** A returned text is a remark; false says that the client has no such thing. */
export async function tell(feature, check) {
  const line = { feature };
  try {
    const result = await check();
    Object.assign(line, { ok: result === false ? null : true, remark: typeof result === "string" ? result : "" });
  } catch (error) {
    console.error(error);
    Object.assign(line, { ok: false, remark: `${error.name}: ${error.message}`.slice(0, 300) });
  }
  console.log(JSON.stringify(line));
}

/** `wanted` null: any words will do. */
export function expect(text, wanted) {
  if (wanted === null) assert.ok(text.trim());
  else assert.equal(text, wanted);
}

/** Ask, run the calls, feed their results back, until there is an answer. `result` words what a tool said. */
export async function loop(ask, task, result = (text) => text) {
  const messages = [{ role: "user", content: task.ask }];
  const cities = [];
  for (let n = 0; n < STEPS; n++) {
    const message = await ask(messages);
    messages.push(message);
    if (!message.tool_calls?.length) {
      assert.deepEqual(cities, task.cities);
      assert.ok(message.content.includes(task.answer), message.content);
      return;
    }
    for (const call of message.tool_calls) {
      assert.equal(call.function.name, "get_weather");
      const { city } = JSON.parse(call.function.arguments);
      cities.push(city);
      messages.push({ role: "tool", tool_call_id: call.id, content: result(SAID.results[city]) });
    }
  }
  assert.fail(`no answer after ${STEPS} steps`);
}
