// Invites of everybody: made, listed, revoked.

import { ApiError, json } from "../parts/api.js";
import { h, once } from "../parts/dom.js";
import { secret } from "../parts/secret.js";
import { ask, button, moment, paged, post } from "./pages.js";

/** @param {(error: ApiError) => void} failed */
export function invitesPart(failed) {
  const news = h("div", { role: "status" });
  const said = h("p", { class: "problem-line", role: "alert" });
  const place = h("div", {});
  const note = h("input", { id: "op-invite-note", maxlength: 128, placeholder: "for Ada" });
  const days = h("input", { id: "op-invite-days", type: "number", min: 1, max: 366, value: 14, required: true });
  const list = () => place.replaceChildren(paged({ path: "/v1/admin/invites", empty: "None was made yet.", row: inviteRow, failed }));
  list();
  return h("section", { class: "card keys" }, h("h2", {}, "Invites"), news, said,
    h("form", {
      class: "opline",
      onsubmit: once(async () => {
        said.textContent = "";
        try {
          const made = await post("/v1/admin/invites", { note: note.value.trim(), days: Number(days.value) });
          news.replaceChildren(h("div", { class: "note newkey" }, h("p", {}, "One person can make an account with this link; it is not shown again."), secret("Invite", made.link)));
          list();
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          said.textContent = error.message;
        }
      }),
    }, h("label", { for: note.id }, "A new invite"), note, h("label", { for: days.id }, "good for days"), days, h("button", { type: "submit", class: "primary" }, "Make invite")),
    place);
}

/** @param {any} one @param {() => void} again */
function inviteRow(one, again) {
  const facts = [`by ${one.made_by ?? "the operator"}`, one.account ? `into ${one.account}` : null, `made ${moment(one.created)}`, one.state === "live" ? `until ${moment(one.expires)}` : one.state, one.used_by ? `by ${one.used_by}` : null];
  return h("li", { "data-id": one.id },
    h("div", {}, h("strong", {}, one.note || one.id), h("p", { class: "muted" }, facts.filter(Boolean).join(" · "))),
    one.state === "live" ? button("Revoke…", () => ask({
      title: `Revoke the invite ${one.note || one.id}?`,
      words: "Nobody can come in by its link any more. It cannot be undone.",
      act: "Revoke",
      danger: true,
      doing: () => json(`/v1/admin/invites/${one.id}`, { method: "DELETE" }),
      done: again,
    })) : null);
}
