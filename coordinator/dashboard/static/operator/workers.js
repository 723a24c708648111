// All workers of the network and their problems; rests, and sending one away.

import { ApiError } from "../parts/api.js";
import { h, link } from "../parts/dom.js";
import { dollars, duration, plural, speed, whole } from "../parts/format.js";
import { problemCard } from "../parts/problems.js";
import { ask, button, field, listAnew, moment, paged, post, spans } from "./pages.js";

const STATES = ["any", "troubled", "ready", "busy", "loading", "paused", "resting", "draining", "down", "away"];

/** @param {(error: ApiError) => void} failed */
export function workersPart(failed) {
  return h("div", { class: "network" },
    h("section", { class: "card" }, h("h2", {}, "Workers"), paged({
      path: "/v1/admin/workers",
      search: "Name, id or GPU",
      choices: [
        { name: "state", label: "State", options: STATES.map((name) => [name, name === "any" ? "in any state" : name === "troubled" ? "with problems" : name]) },
        { name: "sort", label: "Sorted by", options: [["name&order=asc", "by name"], ["speed&order=desc", "fastest first"], ["earned&order=desc", "earned most"], ["jobs&order=desc", "most jobs"], ["problems&order=desc", "most problems"], ["joined&order=desc", "joined last"]] },
      ],
      empty: "No worker is like that.",
      head: (page) => [`${whole(page.found)} of ${plural(page.states.any, "worker")}`, page.left_out ? `${whole(page.left_out)} more at other replicas, which list them on their own pages` : "", STATES.slice(2).filter((name) => page.states[name]).map((name) => `${whole(page.states[name])} ${name}`).join(", "), page.counted_until ? `earnings still counting, up to ${new Date(page.counted_until * 1000).toLocaleString()}` : ""].filter(Boolean).join(" · "),
      row: workerRow,
      failed,
    })),
    h("section", { class: "card" }, h("h2", {}, "Orders that stand"), paged({ path: "/v1/admin/worker-orders", empty: "No worker rests or is away by an order.", row: orderRow, failed })));
}

/** @param {any} one */
export function workerRow(one) {
  const facts = [one.gpu, one.models.join(", "), `version ${one.version}`, plural(one.finished, "job"), one.faults ? plural(one.faults, "fault") : null, `connected ${duration((Date.now() - one.joined_ms) / 1000)}`];
  return h("li", { "data-id": one.id, "data-status": one.state },
    h("div", {},
      link(`/workers/${one.id}`, { class: "title" }, one.name), " ", h("span", { class: "status" }, one.state), one.rest_s ? h("span", { class: "muted" }, ` ${duration(one.rest_s)} more`) : null,
      h("p", { class: "muted" }, "of ", link(`/operator/accounts/${one.account}`, {}, one.account_name || one.account), ` · ${facts.filter(Boolean).join(" · ")}`),
      one.problems.length ? h("ul", { class: "problems" }, one.problems.slice(0, 3).map(problemCard)) : null),
    h("dl", { class: "opfigures" }, h("div", {}, h("dt", {}, "tokens/s"), h("dd", {}, speed(one.tokens_per_second))), h("div", {}, h("dt", {}, "earned"), h("dd", {}, dollars(one.earned_nano_usd)))),
    h("div", { class: "row" }, one.order
      ? button("End the order…", () => end(one.key, one.name))
      : [button("Rest…", () => order("rest", one)), button("Send away…", () => order("away", one))]));
}

/** @param {"rest" | "away"} kind @param {any} worker */
function order(kind, worker) {
  const span = spans("3600");
  const note = h("input", { maxlength: 200, placeholder: "its owner reads this" });
  ask({
    title: kind === "rest" ? `Have ${worker.name} rest?` : `Send ${worker.name} away?`,
    words: kind === "rest"
      ? "It gets no new jobs, finishes those that it has, and stays connected. When the time is over it serves again by itself."
      : "It gets no new jobs. Once those that it has are finished, five minutes at most, it is disconnected, and refused until the time is over. It holds for this worker's id: whoever wants to come back under another can, until the account is disabled or its key revoked.",
    fields: [field("For", span), field("Why", note)],
    act: kind === "rest" ? "Have it rest" : "Send it away",
    danger: kind === "away",
    doing: () => post("/v1/admin/worker-orders", { worker: worker.key, order: kind, seconds: Number(span.value), note: note.value.trim() }),
    done: listAnew,
  });
}

/** @param {string} key @param {string} name */
function end(key, name) {
  ask({
    title: `End the order for ${name}?`,
    words: "It may serve again at once; one that is away may come back.",
    act: "End it",
    doing: () => post("/v1/admin/worker-orders", { worker: key, order: "end" }),
    done: listAnew,
  });
}

/** @param {any} one */
function orderRow(one) {
  return h("li", {},
    h("div", {}, h("strong", {}, one.worker.split("/")[1]), ` ${one.order === "rest" ? "rests" : "is away"} until ${moment(one.until)}`, h("p", { class: "muted" }, `of ${one.account_name || one.worker.split("/")[0]}${one.note ? ` · ${one.note}` : ""}`)),
    button("End the order…", () => end(one.worker, one.worker.split("/")[1])));
}

/** @param {(error: ApiError) => void} failed */
export function problemsPart(failed) {
  return h("section", { class: "card" }, h("h2", {}, "Problems of the whole network"), paged({
    path: "/v1/admin/problems",
    choices: [{ name: "severity", label: "Severity", options: [["any", "all"], ["error", "errors"], ["warning", "warnings"], ["info", "infos"]] }],
    empty: "Nothing is wrong.",
    head: (page) => Object.entries(page.severities).filter(([, number]) => number).map(([name, number]) => plural(Number(number), name)).join(", "),
    row: problemCard,
    failed,
  }));
}
