// How each client is pointed at this network, as tools/compat has proven it (docs/compatibility.md). Texts, and nothing else.

/**
 * @typedef {{root: string, base: string, key: string, model: string}} Place `root` is this network's address, `base` has /v1
 * @typedef {{id: string, name: string, parts: (place: Place) => [string, string][]}} Client its parts: what to do, and the text
 */

const json = (/** @type {unknown} */ value) => JSON.stringify(value, null, 2);

/** @param {Place} place */
const openaiVariables = ({ base, key }) => `export OPENAI_BASE_URL=${base} OPENAI_API_KEY=${key}`;

/** @type {Client[]} `id` is the client's name in docs/compatibility.json, but for curl. */
export const CLIENTS = [
  {
    id: "curl",
    name: "curl",
    parts: ({ base, key, model }) => [["In a shell", `curl ${base}/chat/completions \\
  -H "Content-Type: application/json" \\
  -H "Authorization: Bearer ${key}" \\
  -d '${JSON.stringify({ model, messages: [{ role: "user", content: "Hello! What model are you?" }] })}'`]],
  },
  {
    id: "openai-python",
    name: "OpenAI SDK, Python",
    parts: ({ base, key, model }) => [["pip install openai", `from openai import OpenAI

client = OpenAI(base_url="${base}", api_key="${key}")
stream = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello! What model are you?"}],
    stream=True,
)
for chunk in stream:
    if chunk.choices:
        print(chunk.choices[0].delta.content or "", end="", flush=True)`]],
  },
  {
    id: "openai-node",
    name: "OpenAI SDK, Node",
    parts: ({ base, key, model }) => [["npm install openai, in a file that ends in .mjs", `import OpenAI from "openai";

const client = new OpenAI({ baseURL: "${base}", apiKey: "${key}" });
const stream = await client.chat.completions.create({
  model: "${model}",
  messages: [{ role: "user", content: "Hello! What model are you?" }],
  stream: true,
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");`]],
  },
  {
    id: "claude-code",
    name: "Claude Code",
    parts: ({ root, key, model }) => [["In the shell that starts claude", `export ANTHROPIC_BASE_URL=${root} ANTHROPIC_API_KEY=${key}
export ANTHROPIC_MODEL=${model}
export ANTHROPIC_DEFAULT_HAIKU_MODEL=${model} ANTHROPIC_DEFAULT_SONNET_MODEL=${model} ANTHROPIC_DEFAULT_OPUS_MODEL=${model}`]],
  },
  {
    id: "anthropic-python",
    name: "Anthropic SDK, Python",
    parts: ({ root, key, model }) => [["pip install anthropic; its address has no /v1", `import anthropic

client = anthropic.Anthropic(base_url="${root}", api_key="${key}")
answer = client.messages.create(
    model="${model}",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello! What model are you?"}],
)
print(answer.content[-1].text)`]],
  },
  {
    id: "codex",
    name: "Codex",
    parts: ({ base, key, model }) => [
      ["In ~/.codex/config.toml", `model = "${model}"
model_provider = "supernet"

[model_providers.supernet]
name = "Supernet"
base_url = "${base}"
env_key = "SUPERNET_API_KEY"
wire_api = "responses"`],
      ["In the shell that starts codex", `export SUPERNET_API_KEY=${key}`],
    ],
  },
  {
    id: "opencode",
    name: "opencode",
    parts: ({ base, key, model }) => [
      ["In opencode.json", json({
        provider: {
          supernet: {
            npm: "@ai-sdk/openai-compatible",
            options: { baseURL: base, apiKey: "{env:SUPERNET_API_KEY}" },
            models: { [model]: { tool_call: true } },
          },
        },
        model: `supernet/${model}`,
      })],
      ["In the shell that starts opencode", `export SUPERNET_API_KEY=${key}`],
    ],
  },
  {
    id: "qwen-code",
    name: "Qwen Code",
    parts: (place) => [["In a shell", `${openaiVariables(place)} OPENAI_MODEL=${place.model}
qwen --auth-type openai`]],
  },
  {
    id: "cline",
    name: "Cline",
    parts: ({ base, key, model }) => [["In a shell", `cline auth --provider openai --apikey ${key} --modelid ${model} --baseurl ${base}`]],
  },
  {
    id: "aider",
    name: "Aider",
    parts: ({ base, key, model }) => [["In a shell", `export OPENAI_API_BASE=${base} OPENAI_API_KEY=${key}
aider --model openai/${model}`]],
  },
  {
    id: "open-webui",
    name: "Open WebUI",
    parts: (place) => [["Before it starts, or under Admin, Settings, Connections as an OpenAI connection", `export OPENAI_API_BASE_URL=${place.base} OPENAI_API_KEY=${place.key}
open-webui serve`]],
  },
  {
    id: "langchain",
    name: "LangChain",
    parts: ({ base, key, model }) => [["pip install langchain-openai", `from langchain_openai import ChatOpenAI

chat = ChatOpenAI(base_url="${base}", api_key="${key}", model="${model}")
print(chat.invoke("Hello! What model are you?").content)`]],
  },
  {
    id: "llama-index",
    name: "LlamaIndex",
    parts: ({ base, key, model }) => [["pip install llama-index-llms-openai-like", `from llama_index.llms.openai_like import OpenAILike

llm = OpenAILike(model="${model}", api_base="${base}", api_key="${key}", is_chat_model=True, is_function_calling_model=True)
print(llm.complete("Hello! What model are you?"))`]],
  },
  {
    id: "litellm",
    name: "LiteLLM",
    parts: ({ base, key, model }) => [["pip install litellm", `import litellm

answer = litellm.completion(
    model="openai/${model}",
    api_base="${base}",
    api_key="${key}",
    messages=[{"role": "user", "content": "Hello! What model are you?"}],
)
print(answer.choices[0].message.content)`]],
  },
  {
    id: "vercel-ai",
    name: "Vercel AI SDK",
    parts: ({ base, key, model }) => [["npm install ai @ai-sdk/openai-compatible", `import { generateText } from "ai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";

const supernet = createOpenAICompatible({ name: "supernet", baseURL: "${base}", apiKey: "${key}" });
const { text } = await generateText({ model: supernet("${model}"), prompt: "Hello! What model are you?" });
console.log(text);`]],
  },
];
