"""/v1/account/keys: made, renewed, revoked, and never more powerful than the key that asks."""

import asyncio
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from coordinator.accounts.rows import KeyLimits
from coordinator.clock import now_ms
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


async def test_a_disabled_key_is_refused_by_name_and_its_worker_sent_away_until_it_is_enabled(
    coordinator: Coordinator,
) -> None:
    async with coordinator.http() as http:
        made = (await http.post("/v1/account/keys", json={"name": "box"})).json()
        assert made["disabled"] is False
        async with coordinator.worker(made["key"]) as worker, coordinator.http(made["key"]) as box:
            await worker.join()
            off = await http.patch(f"/v1/account/keys/{made['id']}", json={"disabled": True})
            assert (off.status_code, off.json()["disabled"]) == (200, True)
            error = await worker.hear(wire.Error)
            assert "disabled" in error.message
            with pytest.raises(ConnectionClosed) as closed:
                await worker.socket.recv()
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 4401
            refused = await box.get("/v1/models")
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
            assert "is disabled" in refused.json()["error"]["message"]
            with pytest.raises(InvalidStatus):
                async with coordinator.worker(made["key"]):
                    pass
            await http.patch(f"/v1/account/keys/{made['id']}", json={"disabled": False})
            assert (await box.get("/v1/models")).status_code == 200
            async with coordinator.worker(made["key"]) as again:
                await again.join("w2")


async def test_a_cap_holds_for_the_key_for_what_it_makes_and_for_what_replaces_it(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join()
        cap = 300_000
        made = (await http.post("/v1/account/keys", json={"name": "ci", "cap_day_nano_usd": cap})).json()
        assert (made["cap_day_nano_usd"], made["cap_month_nano_usd"], made["spent_day_nano_usd"]) == (cap, None, 0)
        async with coordinator.http(made["key"]) as ci:
            asked = asyncio.create_task(ci.post("/v1/chat/completions", json=ASK))
            await worker.serve()
            cost = 5 * 300 + 5 * 900
            assert (await asked).status_code == 200
            assert await coordinator.running.services.ledger.flushed(10)
            current = (await ci.get("/v1/account/keys/current")).json()
            assert current["spent_day_nano_usd"] == current["spent_month_nano_usd"] == cost
            assert current["remaining_nano_usd"] == cap - cost
            assert current["day_ends"] % 86_400 == 0 and current["day_ends"] <= current["month_ends"]
            assert current["limits"] == {"rpm": 0, "tpm": 1_000_000, "concurrency": 0}
            child = (await ci.post("/v1/account/keys", json={"name": "child"})).json()
            assert child["cap_day_nano_usd"] == cap
            for more in ({"cap_day_nano_usd": cap + 1}, {"cap_day_nano_usd": cap + 1, "name": "x"}):
                assert (await ci.post("/v1/account/keys", json={"name": "x", **more})).status_code == 403
            for wider in ({"cap_day_nano_usd": None}, {"cap_day_nano_usd": cap + 1}):
                refused = await ci.patch(f"/v1/account/keys/{made['id']}", json=wider)
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "permission_denied")
        heir = (await http.post(f"/v1/account/keys/{made['id']}/regenerate")).json()
        assert (heir["cap_day_nano_usd"], heir["spent_day_nano_usd"]) == (cap, cost)
        await http.patch(f"/v1/account/keys/{child['id']}", json={"cap_day_nano_usd": None})
        for key in (heir["key"], child["key"]):
            async with coordinator.http(key) as other:
                poor = await other.post("/v1/chat/completions", json=ASK | {"max_tokens": 300})
                error = poor.json()["error"]
                assert (poor.status_code, error["type"], error["code"]) == (402, *["insufficient_quota"] * 2)
                assert "may spend in a day" in error["message"] and "00:00 UTC" in error["message"]
        assert made["id"] in error["message"], "the child is told whose cap it is"
        await http.patch(f"/v1/account/keys/{heir['id']}", json={"cap_day_nano_usd": None})
        async with coordinator.http(child["key"]) as other:
            asked = asyncio.create_task(other.post("/v1/chat/completions", json=ASK | {"max_tokens": 300}))
            await worker.serve()
            assert (await asked).status_code == 200
            assert (await other.get("/v1/account/keys/current")).json()["remaining_nano_usd"] is None


async def test_requests_that_come_together_pass_no_cap_and_what_they_held_comes_back(coordinator: Coordinator) -> None:
    async with coordinator.worker() as worker, coordinator.http() as http:
        await worker.join(slots=8)
        made = (await http.post("/v1/account/keys", json={"name": "ci"})).json()
        path = f"/v1/account/keys/{made['id']}"
        async with coordinator.http(made["key"]) as ci:
            asked = [asyncio.create_task(ci.post("/v1/chat/completions", json=ASK)) for _ in range(1)]
            await worker.serve()
            await asked[0]
            assert await coordinator.running.services.ledger.flushed(10)
            spent = (await http.get(path)).json()["spent_day_nano_usd"]
            most = 126_900  # of one, as its bytes bound the prompt
            await http.patch(path, json={"cap_month_nano_usd": spent + 3 * most})
            asked = [asyncio.create_task(ci.post("/v1/chat/completions", json=ASK)) for _ in range(8)]
            served = 0
            while any(not task.done() for task in asked):
                serving = asyncio.create_task(worker.serve())
                await asyncio.wait((serving, *(t for t in asked if not t.done())), return_when="FIRST_COMPLETED")
                if not serving.done():
                    await asyncio.sleep(0.2)
                if serving.done():
                    served += 1
                else:
                    serving.cancel()
            codes = sorted(task.result().status_code for task in asked)
            assert codes.count(200) == served and 0 < served < 8 and codes.count(402) == 8 - served
            assert await coordinator.running.services.ledger.flushed(10)
            now = (await http.get(path)).json()
            assert now["spent_month_nano_usd"] == spent + served * 6000 <= now["cap_month_nano_usd"]


async def test_what_a_key_may_be_changed_to_is_bounded(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        made = (await http.post("/v1/account/keys", json={"name": "ci", "rpm": 5, "expires_in_s": 99})).json()
        path = f"/v1/account/keys/{made['id']}"
        changes = {"name": "new", "rpm": None, "tpm": 7, "expires_in_s": None, "platform_tools": False}
        changed = (await http.patch(path, json=changes)).json()
        assert [changed[name] for name in ("name", "rpm", "tpm", "expires", "platform_tools")] == [
            *("new", None, 7, None, False)
        ]
        assert (await http.patch(path, json={"capDayNanoUsd": 9})).json()["cap_day_nano_usd"] == 9
        assert (await http.patch(path, json={"capDayNanoUsd": None})).json()["cap_day_nano_usd"] is None
        assert (await http.get(path)).json() == changed
        wrong: tuple[Any, ...] = (
            {},
            {"colour": 1},
            {"rpm": 0},
            {"cap_day_nano_usd": 0},
            {"disabled": "yes"},
            {"name": " "},
            [],
        )
        for body in wrong:
            assert (await http.patch(path, json=body)).status_code == 400, body
        assert (await http.patch(path, json={"cap_day_nano_usd": 2**63})).status_code == 400
        (own,) = [row for row in (await http.get("/v1/account/keys")).json()["data"] if row["name"] == "test"]
        refused = await http.patch(f"/v1/account/keys/{own['id']}", json={"rpm": 5})
        assert refused.status_code == 403 and "supernet-coordinator key set" in refused.json()["error"]["message"]
        assert (await http.patch(f"/v1/account/keys/{own['id']}", json={"cap_day_nano_usd": 5})).status_code == 200
        assert (await http.patch("/v1/account/keys/key_ghost", json={"rpm": 5})).status_code == 404


async def test_a_key_of_any_scope_asks_about_itself_and_about_no_other(coordinator: Coordinator) -> None:
    async with coordinator.http() as http:
        made = (await http.post("/v1/account/keys", json={"name": "box", "scopes": ["worker"]})).json()
        async with coordinator.http(made["key"]) as box:
            current = await box.get("/v1/account/keys/current")
            assert (current.status_code, current.json()["id"]) == (200, made["id"])
            assert (await box.get(f"/v1/account/keys/{made['id']}")).status_code == 403
        await coordinator.running.services.accounts.last_use.write(now_ms())
        rows = {row["id"]: row["last_used"] for row in (await http.get("/v1/account/keys")).json()["data"]}
        assert rows[made["id"]] is not None and abs(rows[made["id"]] - time.time()) < 3600
