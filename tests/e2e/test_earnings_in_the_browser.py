"""An owner's page of a month: every figure is the ledger's, beside the power that it took; why there are no jobs."""

import random
import re
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from coordinator.accounts.rows import get_account
from coordinator.clock import DAY_MS, now_ms
from coordinator.ledger.earning_days import read
from coordinator.ledger.energy_days import WorkerEnergy, add, price
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import balances_of
from coordinator.ledger.orders import Settle
from coordinator.ledger.pricing import Payee
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer, usage
from tests.e2e.browser import PATIENCE_MS, visit
from tests.e2e.test_dashboard import signed_in
from tools.local_network import Network

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def network(empty: Network) -> Network:
    return empty


def month(database: Database, me: str) -> None:
    """Two workers, one of which is gone, on each of thirty days."""
    draw, alice, at_ms = random.Random(1), payer(database, "alice", 10**12), now_ms()
    for n in range(90):
        worker, when = f"{me}/{draw.choice(('attic', 'gone'))}", at_ms - (n // 3) * DAY_MS
        nano = draw.randrange(10**7, 10**8)
        row = usage(alice, f"j{n}", nano, when, worker=worker)
        payee = Payee(worker, me, nano * 7 // 10)
        do(database, hold(alice, f"j{n}", nano), Settle(f"j{n}", nano, (payee,), (row,), when))
    mature(database, Terms(86_400.0, 0), at_ms)
    today = at_ms // DAY_MS
    add(database, [WorkerEnergy(me, today - day, f"{me}/attic", 900_000, 3000, 3600) for day in range(20)])


def figure(page: Page, name: str) -> str:
    named = page.locator("dt").filter(has_text=re.compile(f"^{name}"))
    return page.locator("dl.figures div").filter(has=named).locator("dd").inner_text()


def test_a_month_is_the_ledgers_and_power_has_a_price(network: Network, browser: Browser) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        me = get_account(database, "default").id
        month(database, me)
        with visit(browser, network.url) as here:
            page = signed_in(here, network, "/earnings")
            expect(page.get_by_role("heading", name="Earnings")).to_be_visible()
            spark = balances_of(database, me)["spark"]
            expect(page.locator("dl.figures")).to_contain_text(f"${(spark.earned + spark.escrow) / 1e9:.2f}")
            assert figure(page, "Not yet matured").startswith("$") and figure(page, "Power") == "without a price"
            page.get_by_label("Dollars a kWh").fill("0.32")
            page.get_by_label("Dollars a kWh").press("Enter")
            expect(page.get_by_text("Left after power")).to_be_visible()
            assert price(database, me) == 320_000_000
            assert figure(page, "Power") == f"${20 * 900_000 * 320_000_000 // 3_600_000 / 1e9:.2f}"
            expect(page.locator(".keylist li").filter(has_text="gone").first).to_contain_text("power not known")
            days = read(database, me, now_ms() // DAY_MS - 29)
            drew = {(day.day, day.worker) for day in days} | {
                (now_ms() // DAY_MS - n, f"{me}/attic") for n in range(20)
            }
            expect(page.locator("table.rows tbody tr")).to_have_count(min(60, len(drew)))
            assert here.too_wide() <= 0
            here.picture("earnings-light")
            page.get_by_label("Days (UTC)").select_option("7")
            expect(page.get_by_text("in 7 days")).to_be_visible()
            with page.expect_download() as saved:
                page.get_by_role("button", name="CSV").click()
            lines = Path(saved.value.path()).read_text().splitlines()
            assert lines[0].startswith("day,worker,worker_id,jobs") and len(lines) >= 8
            here.expected += ("400",)
            page.get_by_label("Dollars a kWh").fill("much")
            page.get_by_label("Dollars a kWh").press("Enter")
            expect(page.get_by_text("expected dollars, such as '0.32'")).to_be_visible()
        for dark, phone in ((True, False), (False, True)):
            with visit(browser, network.url, dark=dark, phone=phone) as here:
                page = signed_in(here, network, "/earnings")
                expect(page.get_by_text("By day and worker")).to_be_visible()
                assert here.too_wide() <= 0
                here.picture("earnings-dark" if dark else "earnings-phone")


def test_a_worker_that_is_here_is_called_by_its_name_and_one_that_is_gone_by_its_id(
    network: Network, browser: Browser
) -> None:
    with closing(Database(network.folder / "coordinator.db")) as database:
        month(database, get_account(database, "default").id)
    (network.folder / "machine").mkdir()
    (network.folder / "machine" / "worker-id").write_text("attic")
    network.start_worker("--scripted", "--name", "kitchen-pc", name="machine")
    for path, table in (("/earnings", True), ("/account", False)):
        with visit(browser, network.url, phone=True) as here:
            page = signed_in(here, network, path)
            listed = page.locator(".keylist").filter(has_text="gone")
            expect(listed.get_by_role("link", name="kitchen-pc")).to_be_visible()
            expect(listed.get_by_role("link", name="gone")).to_be_visible()
            expect(listed).not_to_contain_text("attic")
            if table:
                expect(page.locator("table.rows")).to_contain_text("kitchen-pc")
                expect(page.locator("table.rows")).not_to_contain_text("attic")
            assert here.too_wide() <= 0
            here.picture(f"names-{path[1:]}")
            listed.get_by_role("link", name="kitchen-pc").click()
            expect(page.get_by_role("heading", name="kitchen-pc")).to_be_visible()


def test_an_owner_without_anything_is_told_what_to_do(network: Network, browser: Browser) -> None:
    with visit(browser, network.url) as here:
        page = signed_in(here, network, "/earnings")
        page.get_by_role("link", name="Add a worker").last.click()
        expect(page).to_have_url(network.url + "/add-worker")
