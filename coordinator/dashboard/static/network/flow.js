// The line of tokens a second, flowing: the last three minutes, drawn on a canvas. It stands still for who wants that.

import { h, label, say } from "../parts/dom.js";
import { speed } from "../parts/format.js";

const SECONDS = 180;
const FRAME_MS = 33;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class Flow {
  constructor(height) {
    this.canvas = h("canvas", { role: "img" });
    this.canvas.style.height = `${height}px`;
    this.caption = h("p", { class: "caption", "aria-hidden": "true" });
    this.node = h("div", { class: "flow" }, this.canvas, this.caption);
    this.points = [];
    this.top = 10; // what the upper edge stands for; glides to what it should be
    this.at = performance.now();
    this.drawn = 0;
    this.resized = new ResizeObserver(() => this.#size());
    this.resized.observe(this.node);
    this.recolour = () => this.#colours();
    addEventListener("themechange", this.recolour);
    this.running = true;
    this.frame = requestAnimationFrame((now) => this.#tick(now));
  }

  /** The whole line, the newest point last. */
  show(points) {
    this.points = points.slice(-SECONDS);
    this.at = performance.now();
    const newest = this.points.at(-1) ?? 0;
    const highest = speed(Math.max(0, ...this.points));
    label(this.canvas, `Tokens a second over the last three minutes: now ${speed(newest)}, highest ${highest}`);
    say(this.caption, `last 3 minutes, highest ${highest}`);
    if (calm.matches) {
      this.top = this.#wanted();
      this.#draw(0);
    }
  }

  end() {
    this.running = false;
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
    removeEventListener("themechange", this.recolour);
  }

  #wanted() {
    return Math.max(10, ...this.points) * 1.25;
  }

  #tick(now) {
    if (!this.running) return;
    this.frame = requestAnimationFrame((next) => this.#tick(next));
    if (calm.matches || now - this.drawn < FRAME_MS) return;
    this.drawn = now;
    this.top += (this.#wanted() - this.top) * 0.08;
    this.#draw(Math.min(1, (now - this.at) / 1000));
  }

  #size() {
    const ratio = devicePixelRatio || 1;
    this.canvas.width = Math.round(this.canvas.clientWidth * ratio);
    this.canvas.height = Math.round(this.canvas.clientHeight * ratio);
    this.#colours();
  }

  #colours() {
    // Read off the elements: only there a colour that depends on the theme is a colour.
    this.line = getComputedStyle(this.canvas).color;
    this.grid = getComputedStyle(this.node).color;
    this.#draw(0);
  }

  /** `moved`: the part of a second since the newest point came. The newest is drawn at the right edge, then glides. */
  #draw(moved) {
    const { canvas, points } = this;
    const paint = canvas.getContext("2d");
    const { width, height } = canvas;
    if (!paint || !width || !height || !this.line) return;
    paint.clearRect(0, 0, width, height);
    const ratio = devicePixelRatio || 1;
    this.#lines(paint, width, height, ratio);
    if (points.length < 2) return;
    const step = width / (SECONDS - 1);
    const floor = height - 2 * ratio;
    const y = (value) => floor - (value / this.top) * (floor - 6 * ratio);
    const x = (place) => width - (points.length - 1 - place + moved - 1) * step;
    paint.beginPath();
    paint.moveTo(x(0), y(points[0]));
    for (let place = 1; place < points.length; place++) {
      const middle = (x(place - 1) + x(place)) / 2;
      paint.bezierCurveTo(middle, y(points[place - 1]), middle, y(points[place]), x(place), y(points[place]));
    }
    paint.lineWidth = 2 * ratio;
    paint.lineJoin = "round";
    paint.strokeStyle = this.line;
    paint.stroke();
    paint.lineTo(x(points.length - 1), height);
    paint.lineTo(x(0), height);
    const shade = paint.createLinearGradient(0, 0, 0, height);
    shade.addColorStop(0, this.line);
    shade.addColorStop(1, this.line.replace("rgb(", "rgba(").replace(")", ", 0)")); // of the same hue: no grey between
    paint.globalAlpha = 0.3;
    paint.fillStyle = shade;
    paint.fill();
    paint.globalAlpha = 1;
  }

  #lines(paint, width, height, ratio) {
    paint.strokeStyle = this.grid;
    paint.lineWidth = ratio;
    paint.beginPath();
    for (const part of [0.25, 0.5, 0.75]) {
      const y = Math.round(height * part) + 0.5;
      paint.moveTo(0, y);
      paint.lineTo(width, y);
    }
    paint.stroke();
  }
}
