import asyncio

from coordinator.accounts.accounts import create_account
from coordinator.billing.earnings_feed import EarningsFeed
from coordinator.ledger.budget import Budget
from coordinator.store.database import Database
from tests.coordinator.conftest import Coordinator, make_key
from wire.earnings import EARNINGS, Earnings


async def test_a_worker_that_asks_hears_what_its_account_earned_when_it_changes(coordinator: Coordinator) -> None:
    running = coordinator.running
    database = Database(coordinator.config.db)
    create_account(database, "owner", 1, 0)
    database.close()
    key = make_key(coordinator.config, account="owner")
    await running.services.accounts.refresh()
    feed = EarningsFeed(running.services.hub, running.store, Budget(400))
    async with coordinator.worker(key) as worker, coordinator.http() as http:
        await worker.join(features=(EARNINGS,))
        await feed.once()
        told = await worker.hear(Earnings)
        assert told == Earnings(
            escrow_nano=0,
            available_nano=0,
            today_nano=0,
            credit_nano=0,
            promotion_day_nano=400,
            promotion_account_nano=100,
        )
        body = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}]}
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        await worker.serve("hello")
        await asked
        await running.services.ledger.flushed(10)
        await feed.once()
        await feed.once()
        earned = 6000 * 7 // 10
        told = await worker.hear(Earnings)
        assert (told.escrow_nano, told.available_nano, told.credit_nano, told.today_nano) == (earned, 0, 0, earned)
