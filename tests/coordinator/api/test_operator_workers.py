"""All workers in pages, and what is ordered of them is done and told to their owners."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from coordinator.api.operator_workers import SORTS
from coordinator.operating.cursor import decoded, encoded
from tests.coordinator.api.test_operator import deeds, operators
from tests.coordinator.conftest import Coordinator, until
from wire import messages as wire

ORDERS = "/v1/admin/worker-orders"


async def others() -> list[str]:
    """Another replica's cell."""
    return ['{"workers": [], "waiting": {}, "history": [], "left_out": 7}']


async def test_workers_are_listed_filtered_and_paged(coordinator: Coordinator) -> None:
    async with (
        coordinator.worker() as one,
        coordinator.worker() as two,
        coordinator.http(await operators(coordinator)) as operator,
    ):
        await one.join("bee")
        await two.join("ant")
        await until(lambda: len(coordinator.running.services.hub.dispatch.workers) == 2)
        await asyncio.sleep(1.1)
        first = (await operator.get("/v1/admin/workers", params={"limit": 1})).json()
        rest = (await operator.get("/v1/admin/workers", params={"limit": 1, "after": first["next"]})).json()
        assert [one["name"] for one in (*first["data"], *rest["data"])] == ["ant", "bee"] and rest["next"] is None
        assert (first["found"], first["states"]["any"], first["states"]["ready"]) == (2, 2, 2)
        assert first["left_out"] == 0
        feed = coordinator.running.services.network.feed
        feed._others, feed._looked_ms = others, 0
        assert (await operator.get("/v1/admin/workers")).json()["left_out"] == 7, "they are at another replica"
        worker = first["data"][0]
        assert (worker["key"], worker["account_name"], worker["models"]) == (
            f"{coordinator.account}/ant",
            "default",
            ["tiny"],
        )

        async def names(**params: str) -> list[str]:
            return [one["name"] for one in (await operator.get("/v1/admin/workers", params=params)).json()["data"]]

        assert await names(search="BEE") == ["bee"] and await names(state="down") == []
        assert await names(model="other") == [] and await names(model="tiny", sort="earned", order="desc") == [
            "ant",
            "bee",
        ]
        assert await names(account="acc_none") == [] and {*await names(sort="joined")} == {"bee", "ant"}
        assert (await operator.get("/v1/admin/problems")).json()["data"] == []


def test_a_name_as_long_as_a_frame_allows_breaks_no_page() -> None:
    worker: Any = SimpleNamespace(name="🦙" * 4096)
    name, key = SORTS["name"](worker), f"acc_{'0' * 60}/{'w' * 64}"
    assert decoded(encoded(name, key), str) == (name, key)


async def test_a_worker_rests_and_its_owner_reads_why_until_the_order_ends(coordinator: Coordinator) -> None:
    key = f"{coordinator.account}/w1"
    async with (
        coordinator.worker() as worker,
        coordinator.http() as owner,
        coordinator.http(await operators(coordinator)) as operator,
    ):
        await worker.join("w1")
        answer = await operator.post(ORDERS, json={"worker": key, "order": "rest", "seconds": 60, "note": "too hot"})
        assert (answer.status_code, answer.json()["order"]) == (201, "rest")
        assert key in coordinator.running.services.hub.dispatch.resting(coordinator.running.services.hub.now())
        await asyncio.sleep(1.1)
        (shown,) = (await operator.get("/v1/admin/workers", params={"state": "resting"})).json()["data"]
        assert shown["order"]["note"] == "too hot"
        (problem,) = shown["problems"]
        seen = (await owner.get(f"/v1/network/workers/{shown['id']}")).json()["issues"]
        assert (
            problem["code"] == "operators_order"
            and "too hot" in problem["message"]
            and problem["code"] == seen[0]["code"]
        )
        (standing,) = (await operator.get(ORDERS)).json()["data"]
        assert (standing["worker"], standing["account_name"]) == (key, "default")
        assert (await operator.post(ORDERS, json={"worker": key, "order": "end"})).status_code == 200
        assert not coordinator.running.services.hub.dispatch.resting(coordinator.running.services.hub.now())
        assert (await operator.post(ORDERS, json={"worker": key, "order": "end"})).status_code == 400
        assert [action for action, _ in await deeds(operator, target=key)] == ["worker order end", "worker rest"]


async def test_a_worker_is_sent_away_and_does_not_come_back_before_its_time(coordinator: Coordinator) -> None:
    key = f"{coordinator.account}/w1"
    async with coordinator.http(await operators(coordinator)) as operator:
        async with coordinator.worker() as worker:
            await worker.join("w1")
            await operator.post(ORDERS, json={"worker": key, "order": "away", "seconds": 60})
            await asyncio.wait_for(worker.socket.wait_closed(), 10)
        async with coordinator.worker() as again:
            await again.say(wire.Hello(worker="w1", instance="b", models=()))
            assert "sent this worker away" in (await again.hear(wire.Error)).message
        await operator.post(ORDERS, json={"worker": key, "order": "end"})
        async with coordinator.worker() as again:
            await again.join("w1", instance="c")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"worker": "w1", "order": "rest", "seconds": 60},
        {"worker": "acc_1/w1", "order": "rest"},
        {"worker": "acc_1/w1", "order": "kill", "seconds": 60},
        {"worker": "acc_1/w1", "order": "rest", "seconds": 0},
        {"worker": "acc_1/w1", "order": "rest", "seconds": 10**9},
        {"worker": "acc_1/w1", "order": "rest", "seconds": 60, "note": "x" * 201},
        {"worker": "acc_1/w1\n", "order": "rest", "seconds": 60},
        {"worker": "acc_1/w1", "order": "end", "x": 1},
    ],
)
async def test_an_order_that_makes_no_sense_is_none(coordinator: Coordinator, body: dict[str, object]) -> None:
    async with coordinator.http(await operators(coordinator)) as operator:
        assert (await operator.post(ORDERS, json=body)).status_code == 400
        unknown = await operator.post(ORDERS, json={"worker": "acc_1/w1", "order": "rest", "seconds": 60})
        assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_worker")
        assert await deeds(operator) == []
