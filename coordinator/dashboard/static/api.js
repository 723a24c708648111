// The coordinator's API: the key, requests, errors in words, and streams of server-sent events.

const KEY = "supernet.key";
const MAX_EVENT_CHARS = 16 * 1024 * 1024;

/** The key lives in this tab alone and ends with it. */
export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the coordinator, or the way to it, answered. `code` is the API's own; `retryAfter` in seconds. */
export class ApiError extends Error {
  constructor(status, error, retryAfter) {
    super(error.message || `The coordinator answered ${status}.`);
    this.status = status;
    this.code = error.code || "";
    this.param = error.param || "";
    this.retryAfter = retryAfter || error.retry_after || 0;
  }
}

/** One request, answered by its Response. Throws ApiError for everything but success, AbortError when stopped. */
export async function request(path, { method = "GET", body, signal, headers = {} } = {}) {
  const all = new Headers(headers);
  if (key.get()) all.set("authorization", `Bearer ${key.get()}`);
  if (body !== undefined) all.set("content-type", "application/json");
  const text = body === undefined ? undefined : JSON.stringify(body);
  let response;
  try {
    response = await fetch(path, { method, body: text, headers: all, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "unreachable", message: "The coordinator cannot be reached: is it running, and are you online?" });
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

export async function json(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

async function refusal(response) {
  let error = {};
  try {
    const body = await response.json();
    if (typeof body.error === "object" && body.error) error = body.error;
  } catch {
    // A proxy's page: the status has to do.
  }
  return new ApiError(response.status, error, Number(response.headers.get("retry-after")) || 0);
}

/** The events of a stream: {comment} for a line that clients may skip, {data} for the text of an event. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const pieces = (rest + value).split("\n\n");
      rest = pieces.pop();
      if (rest.length > MAX_EVENT_CHARS) throw new ApiError(0, { message: "The stream holds an event without end." });
      for (const piece of pieces) yield event(piece);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function event(piece) {
  const lines = piece.split("\n");
  const data = lines.filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trimStart());
  if (data.length) return { data: data.join("\n") };
  return { comment: lines.map((line) => line.replace(/^:\s?/, "")).join(" ") };
}
