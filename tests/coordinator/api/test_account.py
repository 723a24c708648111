"""The account's own API, asked over HTTP."""

import asyncio
from typing import Any

import httpx

from coordinator.accounts.accounts import create_account
from coordinator.store.database import Database
from tests.coordinator.conftest import Coordinator, Start, make_key

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}


async def test_an_account_sees_what_it_has_and_what_it_used(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        before = (await http.get("/v1/account")).json()
        assert before["balances"]["spark"]["available"] == {"nano_usd": 5 * 10**9, "usd": "5", "spark": "1000"}
        asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
        start = await worker.accept()
        held = (await http.get("/v1/account")).json()["balances"]["spark"]["held"]
        assert held["nano_usd"] > 0
        await worker.done(start, await worker.tell(start, "hello"))
        assert (await asked).status_code == 200
        await coordinator.running.services.ledger.flushed(10)
        after = (await http.get("/v1/account")).json()["balances"]["spark"]
        assert (after["available"]["usd"], after["held"]["nano_usd"]) == ("4.999994", 0)
        (row,) = (await http.get("/v1/account/usage", params={"days": 1})).json()["data"]
        assert (row["model"], row["key_name"], row["requests"], row["cost_nano_usd"]) == ("tiny", "test", 1, 6000)
        assert (await http.get("/v1/account/usage", params={"days": "x"})).status_code == 400


async def test_sognis_sdk_is_told_who_the_account_is(coordinator: Coordinator) -> None:
    """It sends the key as `api-key`, and ends its process on any answer but this."""
    async with httpx.AsyncClient(base_url=coordinator.url, headers={"api-key": coordinator.key}) as http:
        answer = await http.get("/v1/account/me")
    assert answer.status_code == 200
    data = {"username": "default", "currentEmail": None, "walletAddress": None}
    assert answer.json() == {"status": "success", "data": data}


async def test_the_bonus_is_there_once_a_day(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        assert (await http.get("/v1/account")).json()["bonus"]["claimable"] is True
        claimed = await http.post("/v1/account/bonus")
        assert (claimed.status_code, claimed.json()["spark"]) == (200, "50")
        again = await http.post("/v1/account/bonus")
        assert again.status_code == 429
        assert 0 < int(again.headers["retry-after"]) <= 86_400
        account = (await http.get("/v1/account")).json()
        assert account["bonus"]["claimable"] is False
        assert account["balances"]["spark"]["available"]["spark"] == "1050"


async def test_earnings_are_made_spendable(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        moved = (await http.post("/v1/account/earnings/spend")).json()["moved"]
    assert moved["spark"]["nano_usd"] == 0


async def test_an_owner_sees_beforehand_what_is_paid_out_of_credit_and_spends_it_here(start_coordinator: Start) -> None:
    async with start_coordinator(promotion_spark=40, escrow_s=0.0) as coordinator, coordinator.http() as http:
        database = Database(coordinator.config.db)
        create_account(database, "owner", 1, 0)
        database.close()
        key = make_key(coordinator.config, account="owner")
        await coordinator.running.services.accounts.refresh()
        async with coordinator.worker(key) as worker, coordinator.http(key) as owner:
            await worker.join()
            told = (await owner.get("/v1/account")).json()["promotions"]
            assert (told["day"]["spark"], told["account"]["spark"]) == ("40", "10")
            asked = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
            await worker.serve("hello")
            assert (await asked).status_code == 200
            await coordinator.running.services.ledger.flushed(10)
            await coordinator.running.maintenance.once()
            balance = (await owner.get("/v1/account")).json()["balances"]["spark"]
            assert (balance["credit"]["nano_usd"], balance["earned"]["nano_usd"]) == (4200, 0), (
                "paid with starter tokens"
            )
            path = "/v1/account/earnings/spend"
            assert (await owner.post(path, params={"kind": "all"})).status_code == 400
            assert (await owner.post(path, params={"kind": "earned"})).json()["moved"]["spark"]["nano_usd"] == 0
            assert (await owner.post(path, params={"kind": "credit"})).json()["moved"]["spark"]["nano_usd"] == 4200
            balance = (await owner.get("/v1/account")).json()["balances"]["spark"]
            assert (balance["available"], balance["credit"]["nano_usd"]) == (balance["given"], 0)
