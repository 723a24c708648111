"""Payouts over HTTP: the owner asks and sees, the operator decides, and nobody else does either."""

import asyncio
from contextlib import closing

import httpx
import pytest

from coordinator.accounts.accounts import create_account
from coordinator.ledger.commit import commit
from coordinator.ledger.grants import grant
from coordinator.store.audit_log import read
from coordinator.store.database import Database
from tests.coordinator.api.test_account import ASK
from tests.coordinator.conftest import Coordinator, Start, make_key


async def has_earned(coordinator: Coordinator) -> tuple[str, str]:
    """A key of an owner whose worker has earned 4,200 nano-dollars of what was paid in, and one of the operator."""
    with closing(Database(coordinator.config.db)) as database:
        create_account(database, "owner", 1, 0)
        commit(database, [grant(coordinator.account, "sogni", 10**10, 1, "deposit", "")])
    keys = make_key(coordinator.config, account="owner"), make_key(coordinator.config, scopes=("admin",))
    await coordinator.running.services.accounts.refresh()
    async with coordinator.worker(keys[0]) as worker, coordinator.http() as http:
        await worker.join()
        asked = asyncio.create_task(http.post("/v1/chat/completions", json={**ASK, "token_type": "sogni"}))
        await worker.serve("hello")
        assert (await asked).status_code == 200
    await coordinator.running.services.ledger.flushed(10)
    await coordinator.running.maintenance.once()
    return keys


async def decided(http: httpx.AsyncClient, payout: str, decision: str, note: str = "") -> httpx.Response:
    return await http.post(f"/v1/payouts/{payout}", json={"decision": decision, "note": note})


async def test_an_owner_asks_and_the_operator_approves_and_says_what_was_sent(start_coordinator: Start) -> None:
    async with start_coordinator(escrow_s=0.0) as coordinator:
        owners, operators = await has_earned(coordinator)
        async with coordinator.http(owners) as owner, coordinator.http(operators) as operator:
            asked = await owner.post("/v1/account/payouts", json={"currency": "sogni", "address": "bank\n7"})
            payout = asked.json()
            assert payout["key"].startswith("key_"), "whose key it was is told to both"
            assert (asked.status_code, payout["state"], payout["nano_usd"], payout["address"]) == (
                201,
                "asked",
                4200,
                "bank 7",
            )
            (listed,) = (await operator.get("/v1/payouts", params={"state": "asked"})).json()["data"]
            assert listed == payout
            assert (await decided(operator, payout["id"], "approve")).json()["state"] == "approved"
            balance = (await owner.get("/v1/account")).json()["balances"]["sogni"]["earned"]
            assert balance["nano_usd"] == 0
            await decided(operator, payout["id"], "sent", "transfer 12")
            (seen,) = (await owner.get("/v1/account/payouts")).json()["data"]
            assert (seen["state"], seen["note"]) == ("sent", "transfer 12")
            again = await decided(operator, payout["id"], "sent")
            assert (again.status_code, "is sent" in again.json()["error"]["message"]) == (400, True)
        with closing(Database(coordinator.config.db)) as database:
            assert [deed.action for deed in read(database, 9)] == ["payout sent", "payout approve"]


async def test_an_owner_takes_it_back_and_another_account_cannot(start_coordinator: Start) -> None:
    async with start_coordinator(escrow_s=0.0) as coordinator:
        owners, _ = await has_earned(coordinator)
        async with coordinator.http(owners) as owner, coordinator.http() as other:
            body = {"currency": "sogni", "address": "x", "amount": "0.0001"}
            payout = (await owner.post("/v1/account/payouts", json=body)).json()
            assert payout["nano_usd"] == 1000
            path = f"/v1/account/payouts/{payout['id']}/withdraw"
            assert (await other.post(path)).status_code == 404
            assert (await other.get("/v1/account/payouts")).json()["data"] == []
            assert (await owner.post(path)).json()["state"] == "withdrawn"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"address": "x"}, "can be paid out"),
        ({"address": "x", "amount": "0"}, "can be booked"),
        ({"address": "x", "amount": "-1"}, "a decimal number"),
        ({"address": "x", "amount": "1/3"}, "a decimal number"),
        ({"address": "x", "amount": "٣"}, "a decimal number"),
        ({"address": "x", "amount": "9" * 18}, "can be booked"),
        ({"address": "x", "amount": "0.000000000001"}, "can be booked"),
        ({"amount": "1"}, "Missing 'address'"),
        ({"address": "x", "currency": "euro"}, "currency"),
        ({"address": "x", "speed": 1}, "speed"),
    ],
)
async def test_what_cannot_be_paid_out_is_refused_in_words(
    coordinator: Coordinator, body: dict[str, object], words: str
) -> None:
    async with coordinator.http() as http:
        answer = await http.post("/v1/account/payouts", json=body)
    assert (answer.status_code, words in answer.json()["error"]["message"]) == (400, True), answer.text


async def test_only_the_operator_sees_and_decides(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        assert (await http.get("/v1/payouts")).status_code == 403
        assert (await decided(http, "payout_1", "approve")).status_code == 403
    operators = make_key(coordinator.config, scopes=("admin",))
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http(operators) as operator:
        assert (await operator.get("/v1/payouts", params={"state": "lost"})).status_code == 400
        assert (await decided(operator, "payout_1", "approve")).status_code == 404
        assert (await operator.post("/v1/payouts/payout_1", json={})).status_code == 400
