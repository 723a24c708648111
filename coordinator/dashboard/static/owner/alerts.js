// Where an account is told when something is wrong: addresses, a test of each, and what was sent lately.

import { ApiError, json } from "../parts/api.js";
import { copied } from "../parts/copy.js";
import { h, once, say } from "../parts/dom.js";
import { duration, words } from "../parts/format.js";
import { twice } from "../parts/secret.js";

const PATH = "/v1/account/alerts";
const SERVICES = { webhook: "webhook (JSON, signed)", ntfy: "ntfy", discord: "Discord", slack: "Slack" };
const PLACES = {
  webhook: "https://example.com/hook",
  ntfy: "https://ntfy.sh/a-topic-that-nobody-guesses",
  discord: "https://discord.com/api/webhooks/…",
  slack: "https://hooks.slack.com/services/…",
};
const STATES = { waiting: "on its way", sent: "sent", failed: "did not arrive" };

export function alertsPage(root, { askForKey }) {
  const body = h("div", { class: "network alerts" });
  const made = h("div", { role: "status" });
  let gone = false;
  root.append(h("div", { class: "network" }, h("header", { class: "pagehead" }, h("h1", {}, "Alerts"),
    h("p", { class: "muted" }, "One message when something is wrong, and one when it is over.")), body));

  async function load() {
    try {
      const known = await json(PATH);
      if (gone) return;
      const off = known.allowed ? null : h("p", { class: "note", role: "status" }, "The operator of this network has not switched messages to accounts on.");
      const form = known.allowed && known.data.length < known.most ? addCard(known, made, load) : null;
      body.replaceChildren(...[off, addressesCard(known, load), made, form, sentCard(known)].filter((card) => card !== null));
    } catch (error) {
      if (gone) return;
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 401) return askForKey(error.message.startsWith("You did not") ? null : error);
      body.replaceChildren(h("p", { class: "note", role: "alert" }, error.message));
    }
  }

  load();
  return () => (gone = true);
}

function addressesCard(known, again) {
  const list = known.data.length
    ? h("ul", { class: "keylist" }, known.data.map((one) => row(one, known, again)))
    : h("p", { class: "muted" }, "Nobody is told yet.");
  return h("section", { class: "card keys" }, h("h2", {}, "Who is told"), list);
}

function row(one, known, again) {
  const said = h("p", { class: "muted", role: "status" }, one.status ? `${ago(one.tried)}: ${one.status}` : "nothing was sent yet");
  const send = h("button", {
    type: "button",
    onclick: once(async () => {
      say(said, "sending …");
      try {
        say(said, `test: ${(await json(`${PATH}/${one.id}/test`, { method: "POST" })).status}`);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        say(said, error.message);
      }
    }),
  }, "Send a test message");
  const remove = twice("Remove", "Really remove?", async () => {
    try {
      await json(`${PATH}/${one.id}`, { method: "DELETE" });
      await again();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      say(said, error.message);
    }
  });
  const told = one.alerts.map((kind) => (kind === "balance_low" ? `my balance is below $${one.balance_below_usd}` : known.kinds[kind] ?? words(kind)));
  return h("li", {},
    h("div", {}, h("strong", {}, SERVICES[one.service] ?? one.service), " ", h("code", {}, one.url), h("p", { class: "muted" }, told.join(" · ")),
      one.paused ? h("p", { class: "problem-line" }, "Paused: too many messages in a row did not arrive. A test that arrives ends that.") : null, said),
    h("div", { class: "row" }, send, remove));
}

function addCard(known, made, again) {
  const service = h("select", { id: "alert-service" }, known.services.map((one) => h("option", { value: one }, SERVICES[one] ?? one)));
  const url = h("input", { id: "alert-url", type: "url", required: true, maxlength: 1024, placeholder: PLACES.webhook, autocomplete: "off" });
  const below = h("input", { id: "alert-below", inputmode: "decimal", maxlength: 40, value: "200" });
  const boxes = Object.entries(known.kinds).map(([kind, text]) => [h("input", { type: "checkbox", id: `alert-${kind}`, value: kind, checked: true }), text]);
  const said = h("p", { class: "problem-line", role: "alert" });
  service.addEventListener("change", () => (url.placeholder = PLACES[service.value] ?? ""));
  return h("form", {
    class: "card",
    onsubmit: once(async () => {
      say(said, "");
      const alerts = boxes.filter(([box]) => box.checked).map(([box]) => box.value);
      try {
        const one = await json(PATH, { method: "POST", body: { service: service.value, url: url.value.trim(), alerts, balance_below_spark: below.value.trim() || null } });
        made.replaceChildren(...(one.secret ? [secretNote(one.secret)] : []));
        await again();
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        say(said, error.message);
      }
    }),
  }, h("h2", {}, "Tell me here"),
  h("div", { class: "row" }, h("label", { for: service.id }, "What it is"), service),
  h("label", { for: url.id }, "Its address: whoever has it can write to you, so it is not shown again"), url,
  h("fieldset", {}, h("legend", {}, "Tell me when"), boxes.map(([box, text]) => h("p", {}, box, " ", h("label", { for: box.id }, text)))),
  h("div", { class: "row" }, h("label", { for: below.id }, "A balance is low below, in spark"), below),
  h("button", { type: "submit", class: "primary" }, "Add"), said);
}

function secretNote(secret) {
  return h("div", { class: "note newkey" }, h("p", {}, "Messages are signed with this secret, as Standard Webhooks are. Copy it now: it is not shown again."), copied(secret));
}

function sentCard(known) {
  if (!known.sent.length) return null;
  const line = (one) => {
    const what = [one.text, one.status].filter(Boolean).join(" · ");
    return h("li", {}, h("div", {}, h("strong", {}, one.title), ` ${STATES[one.state] ?? one.state}, ${ago(one.created)}`, h("p", { class: "muted" }, what)));
  };
  return h("section", { class: "card keys" }, h("h2", {}, "What was sent"), h("ul", { class: "keylist" }, known.sent.map(line)));
}

function ago(seconds) {
  return `${duration(Math.max(0, Date.now() / 1000 - seconds))} ago`;
}
