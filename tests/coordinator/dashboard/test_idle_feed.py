"""Workers hear why they have no jobs: those that understand it, when it changes, and nothing of others."""

from functools import partial

import pytest

from coordinator.dashboard.idle import Network, why_idle
from coordinator.dashboard.idle_feed import IdleFeed, refresh
from coordinator.history.reader import Reader
from coordinator.store.errors import Unavailable
from tests.coordinator.conftest import Coordinator
from tests.coordinator.dashboard.test_idle import mine, other, serving
from wire.idle import IDLE, Idle


def feed_of(coordinator: Coordinator) -> IdleFeed:
    services = coordinator.running.services
    return IdleFeed(services.hub, services.network.feed, Reader(partial(services.access.reader.ask, "idle")))


async def test_a_worker_that_asks_hears_what_its_page_says_when_it_changes(coordinator: Coordinator) -> None:
    feed = feed_of(coordinator)
    async with coordinator.worker() as worker, coordinator.worker() as older, coordinator.http() as http:
        await worker.join("mine", features=(IDLE,))
        await older.join("older")
        feed.feed.look_anew()
        await feed.once()
        told = await worker.hear(Idle)
        listed = (await http.get("/v1/network")).json()["workers"]
        name = next(one["id"] for one in listed if one["name"] == "mine")
        page = (await http.get(f"/v1/network/workers/{name}")).json()
        assert told.code is not None
        assert page["idle"] == {"code": told.code, "message": told.message, "remedy": told.remedy}
        await feed.once()
        with pytest.raises(TimeoutError):
            await worker.hear(Idle, within_s=0.3)
        with pytest.raises(TimeoutError):
            await older.hear(Idle, within_s=0.1)
        (session,) = feed._told
        feed._told[session] = None
        feed.feed.look_anew()
        await feed.once()
        assert await worker.hear(Idle) == told
    await feed.once()
    assert not feed._told, "nothing is kept of workers that have gone"


async def test_a_database_that_fails_leaves_what_was_known(coordinator: Coordinator) -> None:
    async def ask(*_: object) -> None:
        raise Unavailable("gone")

    feed = coordinator.running.services.network.feed
    feed.refused = {"tiny": 5}
    await refresh(feed, Reader(ask))
    assert feed.refused == {"tiny": 5}
    await refresh(feed, Reader(partial(coordinator.running.services.access.reader.ask, "idle")))
    assert feed.refused.get("tiny", 0) == 0


def test_ten_thousand_workers_are_held_against_all_without_ten_thousand_times_all() -> None:
    """What is summed up is summed up once: counted, not timed."""
    counted = 0

    class Counting(type(mine())):  # type: ignore[misc]
        def serves(self, model: str | None = None) -> list[object]:
            nonlocal counted
            counted += 1
            return list(super().serves(model))

    def made(number: int) -> object:
        one = mine(replicas=serving()) if number % 2 else other()
        return Counting(**{name: getattr(one, name) for name in one.__dataclass_fields__})

    workers = [made(number) for number in range(1000)]
    network = Network(workers, {}, {})  # type: ignore[arg-type]
    for worker in workers:
        why_idle(worker, network)  # type: ignore[arg-type]
    assert counted < 5 * len(workers)
