// Pictures beside a message: taken from a file, the clipboard or a drop, made small, shown, and sent as data URIs.

import { h, say } from "../parts/dom.js";
import { plural, whole } from "../parts/format.js";

const MOST_SIDE = 1024; // px: a model sees no more of a picture than that
const JPEG_QUALITY = 0.92;

/**
 * A picture as it is sent. `url` is a data URI; `bytes` are those of its file.
 * @typedef {{name: string, url: string, width: number, height: number, bytes: number}} Picture
 */

/** The pictures of the message that is being written. */
export class Pictures {
  /** @param {() => Picture[]} said those of the conversation, which are sent with every message */
  constructor(said) {
    this.said = said;
    /** @type {any} */
    this.model = null; // as /v1/models lists it
    /** @type {Picture[]} */
    this.waiting = [];
    this.reading = 0; // files that are being made small
    this.input = h("input", { type: "file", accept: "image/*", multiple: true, hidden: true, onchange: () => this.#picked() });
    this.button = h("button", { type: "button", class: "quiet", hidden: true, onclick: () => this.input.click() }, "Add pictures");
    this.list = h("ul", { class: "attached", "aria-label": "Pictures to send", hidden: true });
    this.told = h("p", { class: "muted attached-note", role: "status" });
    this.error = h("p", { class: "problem-line", role: "alert" });
    this.node = h("div", { class: "pictures" }, this.list, this.told, this.error, this.input);
  }

  /** @param {any} model the one that is chosen now */
  offer(model) {
    this.model = model;
    this.button.hidden = !model?.vision;
    this.error.textContent = "";
    say(this.told, model?.vision && !model.vision.workers_online ? "No worker that can see pictures is here at the moment." : "");
  }

  /**
   * Adds what of the files is a picture, or says why not.
   * @param {Iterable<File>} files
   */
  async take(files) {
    this.error.textContent = "";
    for (const file of files) {
      try {
        this.#check();
        this.reading++;
        this.#add(await shrunk(file).finally(() => this.reading--));
      } catch (error) {
        this.error.textContent = error instanceof Error ? error.message : String(error);
      }
    }
  }

  /**
   * What is to be sent now; nothing is left. Throws an Error with a text for the reader.
   * @returns {Picture[]}
   */
  send() {
    if (this.reading) throw new Error("A picture is still being read: send again in a moment.");
    if (this.waiting.length) this.#check(0);
    const sent = this.waiting;
    this.waiting = [];
    this.#draw();
    this.offer(this.model);
    return sent;
  }

  clear() {
    this.waiting = [];
    this.#draw();
    this.offer(this.model);
  }

  #picked() {
    this.take([...(this.input.files ?? [])]);
    this.input.value = ""; // the same file may be picked again
  }

  /** @param {number} more pictures than there are */
  #check(more = 1) {
    const vision = this.model?.vision;
    if (!vision) throw new Error(`${this.model?.name ?? "This model"} takes text only: choose a model that sees pictures.`);
    const all = [...this.said(), ...this.waiting];
    if (all.length + more > vision.max_images) {
      throw new Error(`A conversation holds at most ${vision.max_images} pictures: start a new chat.`);
    }
  }

  /** @param {Picture} picture */
  #add(picture) {
    this.#check();
    const bytes = [...this.said(), ...this.waiting, picture].reduce((sum, one) => sum + one.bytes, 0);
    if (bytes > this.model.vision.max_total_bytes) throw new Error(`With ${picture.name} the pictures of this conversation would be too large together.`);
    this.waiting.push(picture);
    this.#draw();
    say(this.told, `Added ${picture.name}, ${whole(picture.width)} × ${whole(picture.height)}. ${plural(this.waiting.length, "picture")} to send.`);
  }

  #remove(picture, button) {
    const place = this.waiting.indexOf(picture);
    if (place < 0) return;
    this.waiting.splice(place, 1);
    const hadFocus = document.activeElement === button;
    this.#draw();
    say(this.told, `Removed ${picture.name}. ${plural(this.waiting.length, "picture")} to send.`);
    // Who works with the keyboard must not be thrown back to the top of the page.
    const buttons = this.list.querySelectorAll("button");
    if (hadFocus) (buttons[Math.min(place, buttons.length - 1)] ?? this.button).focus();
  }

  #draw() {
    this.list.hidden = this.waiting.length === 0;
    this.list.replaceChildren(...this.waiting.map((picture) => {
      const remove = h("button", { type: "button", "aria-label": `Remove ${picture.name}`, onclick: () => this.#remove(picture, remove) }, "×");
      return h("li", {}, pictureNode(picture), remove);
    }));
  }
}

/** @param {Picture} picture */
export function pictureNode({ name, url, width, height }) {
  return h("img", { src: url, alt: name, title: name, width, height });
}

/**
 * The message with its pictures in front: a second question about them finds all of it read already.
 * @param {string} text
 * @param {Picture[]} pictures
 */
export function content(text, pictures) {
  if (!pictures.length) return text;
  const parts = pictures.map(({ url }) => ({ type: "image_url", image_url: { url } }));
  return text ? [...parts, { type: "text", text }] : parts;
}

/**
 * Drawn anew at the size that a model sees at most: the right way up, one frame, and without what a camera writes into
 * a file, such as where it was.
 * @param {File} file
 * @returns {Promise<Picture>}
 */
async function shrunk(file) {
  const name = file.name || "picture";
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    throw new Error(`${name} is no picture that this browser can read: save it as a JPEG or PNG.`);
  }
  const scale = Math.min(1, MOST_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const canvas = h("canvas", { width, height });
  const pen = canvas.getContext("2d");
  if (!pen) throw new Error(`${name} cannot be drawn: this browser has no canvas.`);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const url = canvas.toDataURL(file.type === "image/jpeg" ? "image/jpeg" : "image/png", JPEG_QUALITY);
  return { name, url, width, height, bytes: Math.ceil((url.length - url.indexOf(",")) * 0.75) };
}
