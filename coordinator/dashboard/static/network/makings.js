// The pictures, films and pieces of music that a pipeline makes now: a bar for each, with its stage.

import { h, keep, label, say } from "../parts/dom.js";

/** What a tool of a pipeline does, for people. */
const TOOLS = {
  generate_image: "pictures",
  edit_image: "edited pictures",
  generate_video: "films",
  sound_to_video: "films to a sound",
  video_to_video: "films from films",
  generate_music: "music",
};

/** @param {string[]} tools */
export const toolWords = (tools) => tools.map((tool) => TOOLS[tool] ?? tool).join(", ");

export class Makings {
  constructor() {
    this.node = h("ul", { class: "makings", "aria-label": "What is being made" });
    this.kept = new Map();
  }

  /** @param {{stage: string | null, percent: number}[]} jobs in the order of their slots */
  show(jobs = []) {
    this.node.hidden = jobs.length === 0;
    keep(this.node, this.kept, jobs.map((job, place) => ({ ...job, place: String(place) })), (job) => job.place, makeMaking);
  }
}

function makeMaking() {
  const stage = h("span", {});
  const percent = h("span", { class: "percent" });
  const level = h("i");
  const bar = h("div", { class: "progress", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 }, level);
  return {
    node: h("li", {}, stage, percent, bar),
    update(job) {
      say(stage, job.stage ?? "preparing");
      say(percent, `${job.percent} %`);
      level.style.width = `${job.percent}%`;
      bar.setAttribute("aria-valuenow", String(job.percent));
      label(bar, job.stage ?? "preparing");
    },
  };
}
