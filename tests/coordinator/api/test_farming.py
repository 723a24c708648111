"""Fifty people come by invite and spend all that they were given at one owner's worker, through the API itself."""

import asyncio
from contextlib import closing
from typing import Any

import httpx

from coordinator.accounts.accounts import create_account
from coordinator.clock import DAY_MS, now_ms
from coordinator.identity.addresses import read_networks
from coordinator.ledger.budget import Budget
from coordinator.store.database import Database
from tests.coordinator.api.browser import Browser
from tests.coordinator.api.test_identity import invited
from tests.coordinator.conftest import CATALOG, Coordinator, FakeWorker, Start, make_key
from tests.coordinator.ledger.promoted import promote

MANY = 50
SPARK_NANO = 5_000_000
SPEND = 2 * SPARK_NANO  # what each has: a spark to begin with and a spark of bonus
DEAR = CATALOG.replace("{prompt: 300, completion: 900}", "{prompt: 0, completion: 1000000}")  # ten tokens cost SPEND
GIVEN: dict[str, Any] = {
    "signup": "invite",
    "signup_spark": 1,
    "bonus_spark": 1,
    "escrow_s": 0.0,
    "proxies": read_networks("127.0.0.1"),
}
ASK = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 10}


async def joined(coordinator: Coordinator, number: int = MANY) -> list[str]:
    """The keys of newcomers, each from a place of its own, who have claimed the bonus."""
    keys = []
    for n in range(number):
        async with Browser(coordinator, headers={"x-forwarded-for": f"10.0.{n}.1"}) as browser:
            signed_up = await browser.sign_up(await invited(coordinator))
            assert signed_up.status_code == 201, signed_up.text
            assert (await browser.ask("POST", "account/bonus")).status_code == 200
            keys.append(signed_up.json()["key"])
    return keys


async def spend(http: httpx.AsyncClient, key: str, worker: FakeWorker) -> None:
    """All that the key's account has, in one request."""
    whose = {"authorization": f"Bearer {key}"}
    asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK, headers=whose))
    await worker.serve("helloworld")
    assert (await asked).json()["usage"]["cost_nano_usd"] == SPEND
    refused = await http.post("/v1/chat/completions", json=ASK, headers=whose)
    assert refused.status_code == 402, "it has nothing left"


async def refused(owner: httpx.AsyncClient) -> bool:
    """The least payout that there can be."""
    asked = await owner.post("/v1/account/payouts", json={"address": "bank 7", "amount": "0.001"})
    return asked.status_code == 400 and "$0 in spark can be paid out" in asked.json()["error"]["message"]


async def test_a_farm_of_fifty_accounts_earns_its_owner_nothing_that_can_be_paid_out(start_coordinator: Start) -> None:
    async with start_coordinator(DEAR, **GIVEN) as coordinator:
        with closing(Database(coordinator.config.db)) as database:
            create_account(database, "owner", 1, 0)
        owners = make_key(coordinator.config, account="owner")
        keys = await joined(coordinator)
        await coordinator.running.services.accounts.refresh()
        async with coordinator.worker(owners) as worker, coordinator.http(owners) as owner:
            await worker.join()
            for key in keys:
                await spend(owner, key, worker)
            assert await coordinator.running.services.ledger.flushed(10)
            await coordinator.running.maintenance.once()
            earned = MANY * SPEND * 7 // 10
            has = (await owner.get("/v1/account")).json()["balances"]["spark"]
            assert {kind: money["nano_usd"] for kind, money in has.items() if money["nano_usd"]} == {"credit": earned}
            assert await refused(owner)
            # To spend it makes no money of it: it is given tokens again.
            moved = (await owner.post("/v1/account/earnings/spend")).json()["moved"]["spark"]["nano_usd"]
            again = (await owner.get("/v1/account")).json()["balances"]["spark"]
            assert (moved, again["given"], again["earned"]["nano_usd"]) == (earned, again["available"], 0)
            assert await refused(owner)


async def test_what_an_operator_promises_for_credit_is_all_that_a_farm_is_paid(start_coordinator: Start) -> None:
    async with start_coordinator(DEAR, **GIVEN) as coordinator:
        with closing(Database(coordinator.config.db)) as database:
            create_account(database, "owner", 1, 0)
        owners = make_key(coordinator.config, account="owner")
        keys = await joined(coordinator, 10)
        await coordinator.running.services.accounts.refresh()
        async with coordinator.worker(owners) as worker, coordinator.http(owners) as owner:
            await worker.join()
            for key in keys:
                await spend(owner, key, worker)
            assert await coordinator.running.services.ledger.flushed(10)
            await coordinator.running.maintenance.once()
            budget, tomorrow = Budget(8 * SPARK_NANO), now_ms() + DAY_MS
            for later_ms in range(3):
                await coordinator.running.store.run(promote, budget, tomorrow + later_ms)
            earned = (await owner.get("/v1/account")).json()["balances"]["spark"]["earned"]
            assert earned["spark"] == "2", "once a day, and a quarter of it at most to one account"
            asked = (await owner.post("/v1/account/payouts", json={"address": "bank 7"})).json()
            assert (asked["spark"], asked["state"]) == ("2", "asked")
