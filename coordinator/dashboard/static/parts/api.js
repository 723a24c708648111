// The coordinator's API: the key, requests, errors in words, and streams of server-sent events.

const KEY = "supernet.key";
const MAX_EVENT_CHARS = 16 * 1024 * 1024;

/** The key lives in this tab alone and ends with it. */
export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (/** @type {string} */ value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** The token of who has signed in with a passkey, "" where nobody has; the session itself is in a cookie. */
let csrf = "";
/** The cookie is the same in all tabs of a browser: they tell each other when somebody comes or goes. */
export const tabs = new BroadcastChannel("supernet.session");
export const session = {
  get: () => csrf,
  set: (/** @type {string} */ value) => (csrf = value),
  /** As `set`, by the tab that did it. @param {string} value */
  tell: (value) => {
    csrf = value;
    tabs.postMessage(null);
  },
};

/** What the coordinator, or the way to it, answered. `code` is the API's own; `retryAfter` in seconds. */
export class ApiError extends Error {
  /**
   * @param {number} status 0: no answer of the API came
   * @param {{message?: string, code?: string, param?: string, retry_after?: number}} error
   * @param {number} [retryAfter]
   */
  constructor(status, error, retryAfter) {
    super(error.message || `The coordinator answered ${status}.`);
    this.status = status;
    this.code = error.code || "";
    this.param = error.param || "";
    this.retryAfter = retryAfter || error.retry_after || 0;
  }
}

/** @typedef {{method?: string, body?: unknown, signal?: AbortSignal, headers?: HeadersInit}} Options */

/**
 * One request, answered by its Response. Throws ApiError for everything but success, AbortError when stopped.
 * @param {string} path
 * @param {Options} options
 */
export async function request(path, { method = "GET", body, signal, headers = {} } = {}) {
  const all = new Headers(headers);
  if (key.get()) all.set("authorization", `Bearer ${key.get()}`);
  else if (csrf) all.set("x-csrf-token", csrf);
  const to = csrf && !key.get() && path.startsWith("/v1/") ? `/session${path}` : path;
  if (body !== undefined) all.set("content-type", "application/json");
  const text = body === undefined ? undefined : JSON.stringify(body);
  let response;
  try {
    response = await fetch(to, { method, body: text, headers: all, signal, cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "unreachable", message: "The coordinator cannot be reached: is it running, and are you online?" });
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/**
 * The answer's JSON, null where it has none. Throws as `request` does.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export async function json(path, options) {
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

/** @param {Response} response */
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

/**
 * The events of a stream: {comment} for a line that clients may skip, {data} for the text of an event.
 * @param {Response} response
 * @returns {AsyncGenerator<{comment?: string, data?: string}>}
 */
export async function* events(response) {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  /** @type {string[]} */
  let data = [];
  let chars = 0; // of the lines of the event so far
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith(":")) {
          yield { comment: line.slice(1).trimStart() }; // a line of its own: no blank one follows
        } else if (line.startsWith("data:")) {
          data.push(line.slice(5).trimStart());
          chars += line.length;
        } else if (line === "" && data.length) {
          yield { data: data.join("\n") };
          data = [];
          chars = 0;
        }
      }
      if (rest.length + chars > MAX_EVENT_CHARS) throw new ApiError(0, { message: "The stream holds an event without end." });
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
