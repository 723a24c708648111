"""The account's own API, asked over HTTP."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from coordinator.accounts.rows import KeyLimits
from coordinator.ledger.usage import read
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from tests.coordinator.conftest import Coordinator, Start, make_key, until
from wire import messages as wire

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


async def test_a_key_is_made_shown_once_regenerated_and_revoked_at_once(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        wish = {"name": "ci", "scopes": ["client"], "rpm": 5, "expires_in_s": 99}
        made = await http.post("/v1/account/keys", json=wish)
        assert made.status_code == 201
        key, name = made.json()["key"], made.json()["id"]
        listed = (await http.get("/v1/account/keys")).json()["data"]
        assert {each["name"] for each in listed} == {"test", "ci"}
        assert key not in str(listed)
        async with coordinator.http(key) as other:
            assert (await other.get("/v1/models")).status_code == 200
            again = (await http.post(f"/v1/account/keys/{name}/regenerate")).json()
            assert (again["rpm"], again["scopes"]) == (5, ["client"])
            assert (await other.get("/v1/models")).status_code == 401
        async with coordinator.http(again["key"]) as other:
            assert (await other.get("/v1/models")).status_code == 200
            assert (await http.delete(f"/v1/account/keys/{again['id']}")).json()["deleted"] is True
            assert (await other.get("/v1/models")).status_code == 401
        assert (await http.delete(f"/v1/account/keys/{again['id']}")).status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"name": "x", "scopes": ["root"]}, 403),
        ({"name": "x", "scopes": []}, 400),
        ({"name": "x", "scopes": "client"}, 400),
        ({"name": "x", "scopes": ["admin"]}, 403),
        ({"name": "x", "rpm": 0}, 400),
        ({"name": "x", "colour": "red"}, 400),
    ],
)
async def test_a_wish_that_cannot_be_granted_is_refused(
    coordinator: Coordinator, body: dict[str, Any], status: int
) -> None:
    async with coordinator.http() as http:
        assert (await http.post("/v1/account/keys", json=body)).status_code == status


async def test_only_an_admin_sees_and_changes_another_account(coordinator: Coordinator) -> None:
    admin = make_key(coordinator.config, scopes=("admin", "client"))
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http() as http, coordinator.http(admin) as root:
        assert (await http.get("/v1/account", params={"account": "default"})).status_code == 403
        assert (await root.get("/v1/account", params={"account": "default"})).json()["name"] == "default"
        assert (await root.get("/v1/account", params={"account": "ghost"})).status_code == 404
        listed: httpx.Response = await root.get("/v1/account/keys")
        stronger = next(key["id"] for key in listed.json()["data"] if "admin" in key["scopes"])
        assert (await http.delete(f"/v1/account/keys/{stronger}")).status_code == 403


async def test_a_key_that_is_only_an_admins_has_an_account_page_too(coordinator: Coordinator) -> None:
    admin = make_key(coordinator.config, scopes=("admin",))
    await coordinator.running.services.accounts.refresh()
    async with coordinator.http(admin) as root:
        assert (await root.get("/v1/account")).json()["name"] == "default"
        made = (await root.post("/v1/account/keys", json={"name": "laptop"})).json()
        assert made["scopes"] == ["client", "worker"]


async def test_earnings_are_made_spendable(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        moved = (await http.post("/v1/account/earnings/spend")).json()["moved"]
    assert moved["spark"]["nano_usd"] == 0


async def test_an_estimate_is_exact(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        asked = {"model": "tiny", "input_tokens": 1000, "max_output_tokens": 1001, "token_type": "spark"}
        found = (await http.get("/v1/estimate", params=asked)).json()
        assert found["cost"] == {"nano_usd": 1_200_900, "usd": "0.0012009", "spark": "0.24018", "sogni": "0.12009"}
        assert found["price"] == {"version": 1, "prompt_nano_usd": 300, "completion_nano_usd": 900}
        assert (await http.get("/v1/estimate", params={"model": "ghost"})).status_code == 404
        for wrong in ({"input_tokens": "-1"}, {"max_output_tokens": "1.5"}, {"token_type": "gold"}):
            assert (await http.get("/v1/estimate", params={"model": "tiny", **wrong})).status_code == 400


async def test_a_path_of_several_methods_names_all_of_them(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        refused = await http.put("/v1/account/keys")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")


async def test_no_key_makes_or_renews_one_that_may_do_more(start_coordinator: Start) -> None:
    async with start_coordinator(rpm=60, concurrency=64) as coordinator:
        soon = time.time_ns() // 1_000_000 + 3_600_000
        limited = make_key(coordinator.config, limits=KeyLimits(rpm=5), expires_ms=soon)
        await coordinator.running.services.accounts.refresh()
        async with coordinator.http() as http, coordinator.http(limited) as guest:
            assert (await http.post("/v1/account/keys", json={"name": "x", "rpm": 61})).status_code == 403
            assert (await http.post("/v1/account/keys", json={"name": "x", "rpm": 60})).status_code == 201
            for more in ({"rpm": 6}, {"concurrency": 1000}, {"expires_in_s": 7200}):
                assert (await guest.post("/v1/account/keys", json={"name": "x", **more})).status_code == 403, more
            like = (await guest.post("/v1/account/keys", json={"name": "x"})).json()
            assert (like["rpm"], like["expires"]) == (5, soon // 1000)
            own = next(key for key in (await guest.get("/v1/account/keys")).json()["data"] if key["expires"] is None)
            assert (await guest.post(f"/v1/account/keys/{own['id']}/regenerate")).status_code == 403
            assert (await guest.post(f"/v1/account/keys/{like['id']}/regenerate")).status_code == 201


async def test_who_looks_all_the_time_is_told_to_wait(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coordinator.api.account.LOOKUPS", 2)
    async with start_coordinator(rpm=60) as coordinator, coordinator.http() as http:
        answers = [await http.get("/v1/account/keys") for _ in range(5)]
        assert (answers[0].status_code, answers[-1].status_code) == (200, 429)
        assert "retry-after" in answers[-1].headers
        assert (await http.get("/v1/models")).status_code == 200


async def test_a_database_that_is_away_is_no_fault_of_the_client(
    coordinator: Coordinator, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*args: Any) -> None:
        raise Unavailable("/var/lib/secret.db cannot be written: database or disk is full")

    monkeypatch.setattr(Database, "query", away)
    monkeypatch.setattr(Database, "transaction", away)
    monkeypatch.setattr("coordinator.api.account.BOOK_S", 0.1)
    async with coordinator.http() as http:
        answers = [await http.get("/v1/account"), await http.post("/v1/account/bonus")]
        monkeypatch.undo()
    for answer in answers:
        assert answer.status_code == 429
        assert "retry-after" in answer.headers
        assert "secret" not in answer.text


async def test_with_a_key_the_streams_that_it_opened_end(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        made = (await http.post("/v1/account/keys", json={"name": "leaked", "scopes": ["client"]})).json()
        async with coordinator.http(made["key"]) as other:
            asked = asyncio.create_task(other.post("/v1/chat/completions", json=ASK | {"stream": True}))
            mine = asyncio.create_task(http.post("/v1/chat/completions", json=ASK))
            starts = [await worker.accept(), await worker.accept()]
            for start in starts:
                await worker.tell(start, "hel")
            await until(lambda: coordinator.running.services.hub.dispatch.counters.tokens == 6)
            assert (await http.delete(f"/v1/account/keys/{made['id']}")).status_code == 200
            assert '"code":"invalid_api_key"' in (await asked).text
        cancel = await worker.hear(wire.Cancel)
        kept = next(start for start in starts if start.job != cancel.job)
        await worker.done(kept, await worker.tell(kept, "lo", 3))
        assert (await mine).json()["choices"][0]["message"]["content"] == "hello"
        assert await coordinator.running.services.ledger.flushed(10)
        costs = {row.finish: row.cost_nano for row in read(coordinator.running.database)}
        assert costs == {"invalid_api_key": 3 * 900, "stop": 5 * 300 + 5 * 900}
