"""A worker's page shows its last 30 days, and every figure is what the table of usage says."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect
from sqlalchemy import func, select

from coordinator.clock import DAY_MS, now_ms
from coordinator.history.figures import HOUR_MS, Sums, WorkerKey
from coordinator.history.reader import days_ago
from coordinator.history.rows import write
from coordinator.store.database import Database
from coordinator.store.tables import usage
from tests.coordinator.history.month import made_up, put, rolled_up
from tests.coordinator.ledger.builders import client
from tests.e2e.browser import PATIENCE_MS, visit
from tools.local_network import Network

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def network(tmp_path: Path, tiny_chat: Path) -> Iterator[Network]:
    network = Network(tmp_path, tiny_chat)
    try:
        network.start_coordinator()
        network.start_worker()
        yield network
    finally:
        network.close()


def a_month(database: Database, worker: str) -> None:
    """Every other made-up job was this worker's; it was online for ten hours of each of the last days."""
    at_ms = now_ms()
    rows = made_up(client(database, "somebody"), 1500, until_ms=at_ms - at_ms % HOUR_MS - 1)
    put(database, [replace(row, worker=worker) if number % 2 else row for number, row in enumerate(rows)])
    rolled_up(database, at_ms)
    today = at_ms // DAY_MS
    online = {WorkerKey(worker, today - back): Counter(online=600, ready=540) for back in range(1, 10)}
    write(database, "replica made up", at_ms, Sums({}, online))


def used(database: Database, worker: str) -> tuple[int, int, int, int]:
    """Requests, tokens of prompts and of answers, and units in the last 30 days (UTC)."""
    sums = (func.sum(func.coalesce(usage.c[name], 0)) for name in ("prompt", "completion", "units"))
    mine = usage.c.worker == worker, usage.c.at_ms >= days_ago(now_ms(), 30)
    ((count, *rest),) = database.query(select(func.count(), *sums).where(*mine))
    prompt, completion, units = map(int, rest)
    return int(count), prompt, completion, units


def test_the_days_of_a_worker_are_the_ledgers(network: Network, browser: Browser) -> None:
    (shown,) = network.get("/v1/network")["workers"]
    told = network.get(f"/v1/network/workers/{shown['id']}")
    worker = f"{told['account']}/{told['worker']}"
    with closing(Database(network.folder / "coordinator.db")) as database:
        a_month(database, worker)
        requests, prompt, completion, units = used(database, worker)
    assert min(requests, prompt, completion, units) > 0
    for phone, dark in ((False, False), (True, True)):
        with visit(browser, network.url, phone=phone, dark=dark) as here:
            here.expected = ("401",)
            here.open(f"/workers/{shown['id']}")
            here.sign_in(network.key)
            page = here.page
            card = page.locator("section", has=page.get_by_role("heading", name="Day by day"))
            expect(card.get_by_role("status")).to_contain_text(f"{requests:,} requests, ")
            expect(card.get_by_role("status")).to_contain_text(f"{units:,} paid units")
            expect(card.get_by_role("img")).to_have_count(4)
            assert "highest 10.0 h" in (card.get_by_role("img").nth(3).get_attribute("aria-label") or "")
            card.get_by_text("The figures of each day").press("Enter")
            rows = card.locator("tbody tr")
            expect(rows).to_have_count(30)
            lines = card.locator("tbody").inner_text().splitlines()
            table = [[cell.replace(",", "") for cell in line.split("\t")] for line in lines]
            sums = [sum(int(line[place]) for line in table) for place in (1, 4, 5, 6)]
            assert sums == [requests, prompt, completion, units]
            assert [line[7] for line in table[1:10]] == ["10.0 h"] * 9
            assert here.too_wide() <= 0
            here.picture(f"worker-days-{'phone' if phone else 'desk'}")
