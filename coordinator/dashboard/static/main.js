// Which page is shown, who is signed in, light or dark.

import { accountPage } from "./account/account.js";
import { earningsPage } from "./owner/earnings.js";
import { addWorkerPage } from "./owner/add_worker.js";
import { alertsPage } from "./owner/alerts.js";
import { arrivalPage } from "./account/provider.js";
import { ApiError, json, key, session, tabs } from "./parts/api.js";
import { h } from "./parts/dom.js";
import { docsPage } from "./docs/docs.js";
import { requestsPage } from "./account/requests.js";
import { recall, signOut as endSession } from "./account/identity.js";
import { operatorPage } from "./operator/operator.js";
import { modelPage } from "./models/model.js";
import { modelsPage } from "./models/models.js";
import { networkPage } from "./network/network.js";
import { forget, playgroundPage } from "./playground/playground.js";
import { signInPage } from "./account/signin.js";
import { workerPage } from "./network/worker.js";

/**
 * What a page is given besides its root: its part of the address, how to ask for a key, how to show it anew.
 * @typedef {{found: string, askForKey: (error?: ApiError | null) => void, again: () => void}} Shell
 * @typedef {(root: HTMLElement, shell: Shell) => void | (() => void)} Page
 */

/** @type {[RegExp, string, Page][]} */
const PAGES = [
  [/^\/$/, "Network", networkPage],
  [/^\/models$/, "Models", modelsPage],
  [/^\/models\/([^/]+)$/, "Model", modelPage],
  [/^\/playground$/, "Playground", playgroundPage],
  [/^\/account$/, "Account", accountPage],
  [/^\/requests$/, "My requests", requestsPage],
  [/^\/docs$/, "API", docsPage],
  [/^\/account\/provider\/([a-z0-9-]{1,32})$/, "Sign in", arrivalPage],
  [/^\/earnings$/, "Earnings", earningsPage],
  [/^\/add-worker$/, "Add a worker", addWorkerPage],
  [/^\/alerts$/, "Alerts", alertsPage],
  [/^\/operator(?:\/([^/]+|accounts\/[^/]+))?$/, "Operator", operatorPage],
  [/^\/workers\/([0-9a-f]{12})$/, "Worker", workerPage],
];

/** @param {string} id of an element of index.html */
function part(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

const root = part("page");
const signOut = part("signout");
/** @type {() => void} */
let leave = () => {};

let asked = ""; // the key of which it is known whether it is an operator's

/** The way to the operator's page is for a key with the scope admin; a session has none. */
async function showOperator() {
  const now = key.get();
  asked = now ?? "";
  const way = part("operator");
  way.hidden = true;
  if (now) way.hidden = !(await json("/v1/account/keys/current").catch(() => ({ scopes: [] }))).scopes.includes("admin");
}

function show() {
  leave();
  if ((key.get() ?? "") !== asked) showOperator();
  const path = location.pathname.replace(/(.)\/$/, "$1");
  const { title, page, found } = match(path);
  document.title = `${title} · Supernet`;
  for (const anchor of document.querySelectorAll("nav a")) {
    if (anchor.getAttribute("href") === path || (anchor.id === "operator" && path.startsWith("/operator/"))) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
  signOut.hidden = !key.get() && !session.get();
  root.replaceChildren();
  leave = page(root, { found, askForKey, again: show }) || (() => {});
}

/**
 * @param {string} path
 * @returns {{title: string, page: Page, found: string}} `found`: what of the address is the page's own, or nothing
 */
function match(path) {
  for (const [pattern, title, page] of PAGES) {
    const found = pattern.exec(path);
    if (found) return { title, page, found: found[1] };
  }
  return { title: "Not here", page: nothingHere, found: "" };
}

/** @type {Page} */
function nothingHere(into) {
  into.append(h("section", { class: "card narrow" }, h("h1", {}, "There is nothing here"), h("p", {}, "The address leads to no page.")));
}

/** @param {string} path */
export function go(path) {
  history.pushState(null, "", path);
  show();
  scrollTo(0, 0);
  root.focus({ preventScroll: true });
}

/**
 * Puts the ways in in place of the page.
 * @param {ApiError | null} [error] why the key that was there is of no use
 */
function askForKey(error) {
  if (error) key.forget();
  if ((key.get() ?? "") !== asked) showOperator();
  signOut.hidden = true;
  signInPage(root, error ?? null, show);
}

// ---- what is always there ---------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const anchor = event.target instanceof Element ? event.target.closest("a[data-page]") : null;
  if (!anchor || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  go(anchor.getAttribute("href") ?? "/");
});
addEventListener("popstate", show);
tabs.addEventListener("message", async () => {
  const before = session.get();
  if (!key.get()) await recall().catch(() => {});
  if (session.get() !== before) show();
});
signOut.addEventListener("click", async () => {
  if (!key.get()) await endSession().catch((error) => console.warn(error.message));
  key.forget();
  forget();
  show();
});

const themeButton = part("theme");
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
function showTheme() {
  themeButton.textContent = isDark() ? "☀" : "☾";
  themeButton.setAttribute("aria-label", isDark() ? "Change to light colours" : "Change to dark colours");
  dispatchEvent(new Event("themechange"));
}
themeButton.addEventListener("click", () => {
  const next = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = next;
  try {
    localStorage.setItem("supernet.theme", next);
  } catch {
    // It holds for this page then.
  }
  showTheme();
});
dark.addEventListener("change", showTheme);
showTheme();
if (!key.get()) await recall().catch(() => {}); // the page itself says when the coordinator cannot be reached
show();
