// drawn.py for programs of Node: where a link leads, and that the file is one.
import assert from "node:assert/strict";
import { SAID } from "./outcome.mjs";

const BEGINS = { "image/png": [1, "PNG"], "video/mp4": [4, "ftyp"] };

/** Of what ends an answer: a small model that was trained may talk until its limit. */
export function ended(reason) {
  assert.ok(reason === "stop" || (SAID.draw.answer === null && reason === "length"), reason);
}

/** The only link of a text, whose file is looked at; before it stand `words`, whatever they are if null. */
export async function linked(text, words, mediaType = "image/png") {
  const found = [...text.matchAll(/\]\((http[^)\s]+)\)/g)].map(([, link]) => link);
  assert.equal(found.length, 1, text);
  assert.ok(words === null || text.includes(words), text);
  const answer = await fetch(found[0]);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get("content-type"), mediaType);
  lookedAt(Buffer.from(await answer.arrayBuffer()), mediaType);
  return found[0];
}

export function lookedAt(file, mediaType = "image/png") {
  const [at, begin] = BEGINS[mediaType];
  assert.equal(file.subarray(at, at + begin.length).toString("latin1"), begin);
}

export const inBase64 = (text) => lookedAt(Buffer.from(text, "base64"));

/** What stands in `sogni_tool_results` of a call that made one thing. */
export function made(results, link) {
  assert.equal(results.length, 1);
  assert.equal(results[0].success, true);
  assert.deepEqual(results[0].urls, [link]);
}
