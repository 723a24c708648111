"""Every page, walked with the Tab key in a real browser: all that can be done there is reached, and seen when it is.
And what people come for, done without a mouse."""

import re
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from coordinator.accounts.rows import get_account
from coordinator.store.database import Database
from tests.e2e.browser import PATIENCE_MS, visit
from tests.e2e.test_dashboard import signed_in
from tests.e2e.test_earnings_in_the_browser import month as earned
from tests.e2e.test_operator_page import a_month, admin
from tests.e2e.test_requests_in_the_browser import month as asked_for
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


def reach(page: Page, target: Locator) -> None:
    """Goes on with Tab until the focus is there."""
    expect(target).to_be_visible()
    for _ in range(MOST):
        if target.evaluate("(one) => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {target}")


def test_a_model_is_opened_and_tried(network: Network, browser: Browser) -> None:
    network.start_worker("--scripted")
    with visit(browser, network.url, calm=True) as here:
        page = signed_in(here, network, "/models")
        reach(page, page.locator("#page a[href^='/models/']").first)
        page.keyboard.press("Enter")
        reach(page, page.get_by_role("link", name="Try it in the playground"))
        page.keyboard.press("Enter")
        expect(page.get_by_label("Message")).to_be_focused()
        page.keyboard.type("Hello!")
        page.keyboard.press("Enter")
        expect(page.locator(".meta")).to_contain_text("out")


def test_my_requests_are_filtered_opened_looked_back_at_and_saved(network: Network, browser: Browser) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        asked_for(database, 120)
    with visit(browser, network.url, calm=True) as here:
        page = signed_in(here, network, "/requests")
        rows, older = page.locator("tr.one"), page.get_by_role("button", name="Show older ones")
        expect(rows).to_have_count(50)
        reach(page, older)
        page.keyboard.press("Enter")
        expect(rows).to_have_count(100)
        expect(older).to_be_focused()  # who goes on presses Enter once more
        page.keyboard.press("Enter")
        expect(rows).to_have_count(120)
        reach(page, page.get_by_label("End"))
        page.keyboard.type("Err")
        expect(rows).to_have_count(12)
        expect(page.get_by_label("End")).to_be_focused()
        reach(page, rows.first.get_by_role("button"))
        page.keyboard.press("Enter")
        expect(page.locator(".details")).to_contain_text("Workers were lost, and no other could go on.")
        page.keyboard.press("Enter")
        expect(page.locator(".details")).to_be_hidden()
        save = page.get_by_role("button", name="Save as CSV")
        reach(page, save)
        with page.expect_download() as saved:
            page.keyboard.press("Enter")
        assert len(Path(saved.value.path()).read_text().splitlines()) == 1 + 12
        expect(save).to_be_focused()


def test_earnings_are_looked_at_for_other_days_saved_and_followed_to_a_worker(
    network: Network, browser: Browser
) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        earned(database, get_account(database, "default").id)
    with visit(browser, network.url, calm=True) as here:
        page = signed_in(here, network, "/earnings")
        days = page.get_by_label("Days (UTC)")
        late = page.locator("table.rows tbody tr").nth(2 * 7)  # there is none in seven days of two workers
        expect(late).to_have_count(1)
        reach(page, days)
        page.keyboard.press("ArrowUp")
        expect(late).to_have_count(0)
        expect(days).to_be_focused()
        page.keyboard.press("Tab")
        with page.expect_download() as saved:
            page.keyboard.press("Enter")
        assert saved.value.suggested_filename == "earnings-7-days.csv"
        reach(page, days)
        for _ in range(3):  # one after the other, without looking for the focus anew
            page.keyboard.press("ArrowDown")
        expect(days).to_have_value("365")
        expect(late).to_have_count(1)
        field = page.get_by_label("Dollars a kWh")
        reach(page, field)
        page.keyboard.type("0.3")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Left after power")).to_be_visible()
        expect(field).to_be_focused()
        here.expected += ("404",)  # its machine was never here
        reach(page, page.locator(".keylist").get_by_role("link", name="gone"))
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/workers/"))


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
