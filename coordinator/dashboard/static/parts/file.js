// Answers that a person keeps as a file.

import { ApiError } from "./api.js";
import { h } from "./dom.js";

/** All of the answer. Throws ApiError where its connection broke off: half a file must not look whole. @param {Response} response */
export async function whole(response) {
  try {
    return await response.blob();
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, { code: "unreachable", message: "The file broke off on its way here, and was not saved: try again." });
  }
}

/** @param {Blob} blob @param {string} name */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
