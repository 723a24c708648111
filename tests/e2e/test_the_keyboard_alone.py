"""Every page, walked with the Tab key in a real browser: all that can be done there is reached, and seen when it is."""

from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from coordinator.store.database import Database
from tests.e2e.browser import PATIENCE_MS, visit
from tests.e2e.test_operator_page import a_month, admin
from tools.local_network import Network

expect.set_options(timeout=PATIENCE_MS)
PAGES = (
    "/",
    "/models",
    "/playground",
    "/account",
    "/requests",
    "/docs",
    "/earnings",
    "/add-worker",
    "/alerts",
    "/operator",
    "/operator/accounts",
    "/operator/workers",
    "/operator/audit",
)
MOST = 400  # presses of Tab: the way round a page ends
# What can be worked with, as the browser shows it. Of radio buttons with one name Tab reaches one.
MARK = """() => {
  const all = document.querySelectorAll(
    "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']");
  const found = [...all].filter((one) => one.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && !one.disabled && !one.closest("[inert]") && one.tabIndex >= 0 && !(one.type === "radio" && !one.checked));
  found.forEach((one, at) => { one.dataset.walk = String(at); });
  return found.map((one) => one.outerHTML.slice(0, 120));
}"""
HERE = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const styles = getComputedStyle(one), box = one.getBoundingClientRect();
  const seen = (styles.outlineStyle !== "none" && parseFloat(styles.outlineWidth) > 0) || styles.boxShadow !== "none";
  return { at: one.dataset.walk ?? "", html: one.outerHTML.slice(0, 120), seen,
    inside: box.bottom > 0 && box.top < innerHeight && box.width > 0 };
}"""


@pytest.fixture
def network(empty: Network) -> Network:
    return empty


def walk(page: Page) -> tuple[list[str], list[str], list[str]]:
    """Goes round with Tab. Returns what was never reached, what got the focus unseen, and what did so out of sight."""
    things = page.evaluate(MARK)
    reached: dict[str, None] = {}
    unseen, out_of_sight = [], []
    for _ in range(MOST):
        page.keyboard.press("Tab")
        here = page.evaluate(HERE)
        if here is None:  # behind the last: the next is the first
            continue
        if here["at"] in list(reached)[:-1]:  # the last one may have several parts, as a date has
            break
        if here["at"]:
            reached[here["at"]] = None
        if not here["seen"]:
            unseen.append(here["html"])
        if not here["inside"]:
            out_of_sight.append(here["html"])
    return [html for at, html in enumerate(things) if str(at) not in reached], unseen, out_of_sight


@pytest.mark.parametrize("dark", [False, True])
def test_tab_reaches_everything_on_every_page_and_one_sees_where_it_is(
    network: Network, browser: Browser, dark: bool
) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        a_month(database)
    with visit(browser, network.url, dark=dark, calm=True) as here:
        page = admin(network, here, "/operator")
        wrong = {}
        here.open("/models")
        model = page.locator("#page a[href^='/models/']").first.get_attribute("href")
        assert model
        for path in (*PAGES, model):
            here.open(path)
            expect(page.locator("#page h1").first).to_be_visible()
            page.wait_for_timeout(1000)  # what is asked for is there
            missed, unseen, out_of_sight = walk(page)
            if missed or unseen or out_of_sight:
                wrong[path] = {"missed": missed, "unseen": unseen, "out of sight": out_of_sight}
        assert not wrong, wrong
