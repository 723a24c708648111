// A few lines that ask a model for something, to be copied.

/** @param {{id: string, kind: string}} model @param {string} origin */
export function snippet(model, origin) {
  const head = `curl ${origin}/v1/`;
  const key = ' -H "Authorization: Bearer $SUPERNET_KEY" \\\n  -H "Content-Type: application/json" -d ';
  const body = (/** @type {object} */ asked) => `'${JSON.stringify({ model: model.id, ...asked })}'`;
  if (model.kind === "image") return `${head}images/generations${key}\\\n  ${body({ prompt: "a lighthouse at dusk" })}`;
  if (model.kind === "video") return `${head}videos${key}\\\n  ${body({ prompt: "waves at a beach" })}`;
  if (model.kind === "audio") return `curl "${origin}/v1/models?type=audio" -H "Authorization: Bearer $SUPERNET_KEY"\n# Chats compose with it: ask a model that has tools for a piece of music.`;
  return `${head}chat/completions${key}\\\n  ${body({ messages: [{ role: "user", content: "Hello" }], stream: true })}`;
}
