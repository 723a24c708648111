import asyncio

from coordinator.accounts.accounts import create_account
from coordinator.billing.earnings_feed import Teller
from coordinator.store.database import Database
from tests.coordinator.conftest import Coordinator, make_key
from wire import messages as wire


async def test_a_worker_that_asks_hears_what_its_account_earned_when_it_changes(coordinator: Coordinator) -> None:
    running = coordinator.running
    database = Database(coordinator.config.db)
    create_account(database, "owner", 1, 0)
    database.close()
    key = make_key(coordinator.config, account="owner")
    await running.services.accounts.refresh()
    teller = Teller(running.services.hub, running.database, running.thread)
    async with coordinator.worker(key) as worker, coordinator.http() as http:
        await worker.join(features=(wire.EARNINGS,))
        await teller.once()
        assert await worker.hear(wire.Earnings) == wire.Earnings(escrow_nano=0, available_nano=0, today_nano=0)
        body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        await worker.serve("hello")
        await asked
        await running.services.ledger.flushed(10)
        await teller.once()
        await teller.once()
        earned = 6000 * 7 // 10
        told = await worker.hear(wire.Earnings)
        assert told == wire.Earnings(escrow_nano=earned, available_nano=0, today_nano=earned)
