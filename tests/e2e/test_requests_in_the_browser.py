"""What an account asked for, looked through on its page: every figure is the ledger's."""

import csv
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from coordinator.accounts.rows import get_account, list_keys
from coordinator.clock import now_ms
from coordinator.ledger.grants import grant
from coordinator.ledger.orders import Settle
from coordinator.ledger.requests import Wanted, page
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import Client, do, hold, usage
from tests.e2e.browser import PATIENCE_MS, visit
from tests.e2e.test_dashboard import signed_in
from tools.local_network import Network

expect.set_options(timeout=PATIENCE_MS)
MINUTE = 60_000


@pytest.fixture
def network(empty: Network) -> Network:
    return empty


@pytest.fixture
def database(network: Network) -> Iterator[Database]:
    with closing(Database(network.folder / "coordinator.db")) as database:
        yield database


def month(database: Database, count: int) -> str:
    """A month of requests. Returns whose."""
    account = get_account(database, "default").id
    mine = Client(account, list_keys(database, account)[0].id)
    do(database, grant(account, "spark", 10**12, 1, "grant", ""))
    begun = now_ms() - count * 30 * MINUTE
    orders = []
    for n in range(count):
        name, at_ms, model = f"{n:032x}", begun + n * 30 * MINUTE, ("tiny-chat", "other-chat")[n % 2]
        finish = {0: "worker_lost", 1: "cancelled", 2: "length"}.get(n % 10, "stop")
        held = hold(mine, name, 10**6, at_ms=at_ms, model=model, deadline_ms=at_ms + MINUTE, request_id=f"trace-{n}")
        row = usage(
            mine, name, 1000 + n, at_ms + 900, model=model, finish=finish, attempts=1 + (n % 10 == 0),
            queued_ms=12, first_token_ms=80 + n, total_ms=900, prompt=100 + n, completion=20, cached=7,
        )  # fmt: skip
        orders += [held, Settle(name, 1000 + n, (), (row,), at_ms + 900)]
    do(database, *orders)
    return account


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_requests_are_listed_filtered_opened_and_saved(
    network: Network, database: Database, browser: Browser, tmp_path: Path, dark: bool, phone: bool
) -> None:
    account = month(database, 120)
    with visit(browser, network.url, dark=dark, phone=phone) as here:
        page_ = signed_in(here, network, "/requests")
        rows = page_.locator("tr.one")
        expect(rows).to_have_count(50)
        kept = page(database, account, Wanted(), None, 50).entries
        for n in (0, 1, 49):
            choice = kept[n].choices[0]
            expect(rows.nth(n)).to_contain_text(f"{choice.prompt} + {choice.completion}")
            expect(rows.nth(n)).to_contain_text(f"{choice.first_token_ms} ms")
            expect(rows.nth(n)).to_contain_text(f"$0.00000{kept[n].held.charge}".rstrip("0"))
        here.picture(f"requests-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}")
        assert here.too_wide() <= 0
        page_.get_by_role("button", name="Show older ones").click()
        expect(rows).to_have_count(100)
        page_.get_by_role("button", name="Show older ones").click()
        expect(rows).to_have_count(120)
        expect(page_.get_by_role("status")).to_have_text("120 requests.")
        page_.get_by_role("link", name="Sums by day").click()
        expect(page_.get_by_role("heading", name="Balance")).to_be_visible()
        page_.go_back()
        expect(rows).to_have_count(120)  # as many as before, not the first page
        page_.get_by_label("End").select_option("finished")
        expect(rows).to_have_count(50)
        page_.reload()
        expect(rows).to_have_count(50)  # another list begins at its beginning
        page_.get_by_label("End").select_option("failed")
        expect(rows).to_have_count(12)
        rows.first.get_by_role("button").focus()
        page_.keyboard.press("Enter")
        detail = page_.locator(".details")
        expect(detail).to_contain_text("Workers were lost, and no other could go on.")
        expect(detail).to_contain_text("trace-110")
        expect(detail).to_contain_text("1,110 nano-dollars")
        here.picture(f"requests-open-{'phone' if phone else 'desk'}-{'dark' if dark else 'light'}")
        assert here.too_wide() <= 0
        page_.get_by_label("Model").select_option("other-chat")
        expect(page_.get_by_role("status")).to_have_text("No request fits.")
        page_.get_by_role("button", name="Clear").click()
        page_.get_by_label("Request id").fill("trace-7")
        page_.get_by_label("Request id").press("Enter")
        expect(rows).to_have_count(1)
        assert page_.url.endswith("/requests?request_id=trace-7")
        page_.reload()
        expect(rows).to_have_count(1)
        page_.get_by_role("button", name="Clear").click()
        expect(rows).to_have_count(50)
        with page_.expect_download() as saved:
            page_.get_by_role("button", name="Save as CSV").click()
        saved.value.save_as(tmp_path / "requests.csv")
    with (tmp_path / "requests.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    books = page(database, account, Wanted(), None, 200).entries
    assert [int(row["cost_nano_usd"]) for row in table] == [asked.held.charge for asked in books]
    times = [datetime.fromisoformat(row["time"]).astimezone(UTC).timestamp() for row in table]
    assert times == [asked.held.at_ms / 1000 for asked in books]


def test_a_new_account_is_told_how_the_first_one_is_made_and_an_error_is_told(
    network: Network, browser: Browser
) -> None:
    with visit(browser, network.url) as here:
        page_ = signed_in(here, network, "/requests")
        expect(page_.get_by_role("status")).to_contain_text("Nothing was asked for yet")
        here.picture("requests-empty")
        here.expected += ("400",)
        page_.get_by_label("Request id").fill("a b")
        page_.get_by_label("Request id").press("Enter")
        expect(page_.get_by_role("status")).to_have_text("No request fits.")
        page_.goto(network.url + "/requests?model=no such")
        expect(page_.get_by_role("alert")).to_contain_text("Invalid 'model'")
