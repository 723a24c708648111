"""/v1/account/keys: made, renewed, revoked, and never more powerful than the key that asks."""

import asyncio
import time
from typing import Any

import pytest

from coordinator.accounts.rows import KeyLimits
from coordinator.ledger.usage import read
from tests.coordinator.conftest import Coordinator, Start, make_key, until
from wire import messages as wire

ASK: dict[str, Any] = {"model": "tiny", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 8}


async def test_a_key_is_made_shown_once_regenerated_and_revoked_at_once(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        wanted = {"name": "ci", "scopes": ["client"], "rpm": 5, "expires_in_s": 99}
        made = await http.post("/v1/account/keys", json=wanted)
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
        costs = {row.finish: row.cost_nano for row in read(coordinator.running.store.database)}
        # Its prompt was read too: this worker has not said how long it is, so it is 11 tokens by our own estimate.
        assert costs == {"invalid_api_key": 11 * 300 + 3 * 900, "stop": 5 * 300 + 5 * 900}


async def test_a_key_without_platform_tools_makes_none_with_them(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        plain = make_key(coordinator.config, platform_tools=False)
        other = make_key(coordinator.config)
        operator = make_key(coordinator.config, scopes=("admin", "client", "worker"), platform_tools=False)
        await coordinator.running.services.accounts.refresh()
        async with coordinator.http(plain) as http:
            made = await http.post("/v1/account/keys", json={"name": "child"})
            assert (made.status_code, made.json()["platform_tools"]) == (201, False)
            refused = await http.post("/v1/account/keys", json={"name": "child", "platform_tools": True})
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")
            rows = (await http.get("/v1/account/keys")).json()["data"]
            with_them = next(row["id"] for row in rows if row["platform_tools"] and len(row["scopes"]) == 2)
            assert (await http.post(f"/v1/account/keys/{with_them}/regenerate")).status_code == 403
            again = await http.post(f"/v1/account/keys/{made.json()['id']}/regenerate")
            assert again.json()["platform_tools"] is False
        async with coordinator.http(other) as http:
            for wish, has in ((None, True), (True, True), (False, False)):
                made = await http.post("/v1/account/keys", json={"name": "child", "platform_tools": wish})
                assert made.json()["platform_tools"] is has
            assert (await http.post("/v1/account/keys", json={"name": "x", "platform_tools": "on"})).status_code == 400
        async with coordinator.http(operator) as http:
            assert (await http.post("/v1/account/keys", json={"name": "x", "platform_tools": True})).status_code == 201
