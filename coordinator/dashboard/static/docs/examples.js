// How an operation is called, in three languages. Nothing is drawn here: these are texts, which a test also runs.

const KEY = "SUPERNET_API_KEY";
const QUESTION = [{ role: "user", content: "What is the capital of France?" }];

/**
 * @typedef {{method: string, path: string, operation: any, origin: string, model: string}} Call
 * `path` has its placeholders filled in. `model`: one that is served.
 */

/** What an SDK is asked, by the id of the operation: (which SDK, the method, what it is given, what to show). */
/** @type {Record<string, {sdk: "openai" | "anthropic", call: string, give: (model: string) => Record<string, any>, show: [string, string]}>} */
const BY_SDK = {
  post_v1_chat_completions: { sdk: "openai", call: "chat.completions.create", give: (model) => ({ model, messages: QUESTION }), show: ["choices[0].message.content", "choices[0].message.content"] },
  post_v1_responses: { sdk: "openai", call: "responses.create", give: (model) => ({ model, input: QUESTION[0].content }), show: ["output_text", "output_text"] },
  post_v1_messages: { sdk: "anthropic", call: "messages.create", give: (model) => ({ model, max_tokens: 200, messages: QUESTION }), show: ["content", "content"] },
  get_v1_models: { sdk: "openai", call: "models.list", give: () => ({}), show: ["data", "data"] },
};

/** @param {Call} call @returns {[string, string][]} language -> text */
export function examples(call) {
  const body = bodyOf(call);
  return [["curl", curl(call, body)], ["Python", python(call, body)], ["JavaScript", javascript(call, body)]];
}

/** The JSON that is sent; undefined where none is. @param {Call} call */
function bodyOf({ operation, model }) {
  const known = BY_SDK[operation.operationId];
  if (known && operation.requestBody) return known.give(model);
  const content = operation.requestBody?.content?.["application/json"];
  if (!content) return undefined;
  return Object.values(content.examples ?? {})[0]?.value ?? content.schema?.example ?? least(content.schema);
}

/** The least that a schema asks for. @param {any} schema */
function least(schema) {
  const fill = (/** @type {any} */ one, /** @type {string} */ name) => {
    if (one?.default !== undefined) return one.default;
    if (one?.enum) return one.enum[0];
    const type = [one?.type ?? "string"].flat()[0];
    return { string: name, integer: one?.minimum ?? 1, number: one?.minimum ?? 1, boolean: true, array: [], object: {} }[/** @type {"string"} */ (type)] ?? null;
  };
  return Object.fromEntries((schema?.required ?? []).map((/** @type {string} */ name) => [name, fill(schema.properties?.[name], name)]));
}

/** @param {Call} call */
const needsKey = ({ operation }) => !(operation.security && !operation.security.length);

/** @param {Call} call @param {any} body */
function curl(call, body) {
  const { method, path, origin } = call;
  const lines = [`curl ${method === "get" ? "" : `-X ${method.toUpperCase()} `}'${origin}${path}'`];
  if (needsKey(call)) lines.push(`  -H "Authorization: Bearer $${KEY}"`);
  if (body !== undefined) lines.push("  -H 'Content-Type: application/json'", `  -d '${JSON.stringify(body).replaceAll("'", "'\\''")}'`);
  return lines.join(" \\\n");
}

/** @param {Call} call @param {any} body */
function python(call, body) {
  const { method, path, origin, operation, model } = call;
  const known = BY_SDK[operation.operationId];
  if (known) {
    const [kind, base] = known.sdk === "openai" ? ["OpenAI", `${origin}/v1`] : ["Anthropic", origin];
    const given = Object.entries(known.give(model)).map(([name, value]) => `${name}=${literal(value)}`).join(", ");
    return `import os\nfrom ${known.sdk} import ${kind}\n\nclient = ${kind}(base_url="${base}", api_key=os.environ["${KEY}"])\nanswer = client.${known.call}(${given})\nprint(answer.${known.show[0]})`;
  }
  const more = [needsKey(call) ? `headers={"Authorization": f"Bearer {os.environ['${KEY}']}"}` : "", body === undefined ? "" : `json=${literal(body)}`].filter(Boolean);
  return `${needsKey(call) ? "import os\n" : ""}import httpx\n\nanswer = httpx.request(${[`"${method.toUpperCase()}"`, `"${origin}${path}"`, ...more].join(", ")})\nprint(answer.status_code, answer.text)`;
}

/** @param {Call} call @param {any} body */
function javascript(call, body) {
  const { method, path, origin, operation, model } = call;
  const known = BY_SDK[operation.operationId];
  if (known) {
    const [kind, from, base] = known.sdk === "openai" ? ["OpenAI", "openai", `${origin}/v1`] : ["Anthropic", "@anthropic-ai/sdk", origin];
    const given = known.give(model);
    return `import ${kind} from "${from}";\n\nconst client = new ${kind}({ baseURL: "${base}", apiKey: process.env.${KEY} });\nconst answer = await client.${known.call}(${Object.keys(given).length ? JSON.stringify(given) : ""});\nconsole.log(answer.${known.show[1]});`;
  }
  const headers = [needsKey(call) ? `authorization: \`Bearer \${process.env.${KEY}}\`` : "", body === undefined ? "" : `"content-type": "application/json"`].filter(Boolean);
  const options = [method === "get" ? "" : `  method: "${method.toUpperCase()}",`, headers.length ? `  headers: { ${headers.join(", ")} },` : "", body === undefined ? "" : `  body: JSON.stringify(${JSON.stringify(body)}),`].filter(Boolean);
  return `const answer = await fetch("${origin}${path}"${options.length ? `, {\n${options.join("\n")}\n}` : ""});\nconsole.log(answer.status, await answer.text());`;
}

/** A JSON value as Python writes it. @param {any} value @returns {string} */
export function literal(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}
