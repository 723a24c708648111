"""One look a second, shared by all who watch."""

import asyncio
import json
from typing import Any

import pytest

from coordinator.current_catalog import CurrentCatalog
from coordinator.dashboard import feed as module
from coordinator.dashboard.feed import Feed
from coordinator.dashboard.view import Viewer
from coordinator.hub.hub import Hub
from coordinator.scheduler.state import Peer
from tests.coordinator.dashboard.test_view import MODELS
from wire.catalog import Catalog
from wire.errors import ErrorCode, SupernetError
from wire.messages import Hello
from wire.offers import ModelOffer

ME, YOU = Viewer("me"), Viewer("you")


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def feed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Feed:
    monkeypatch.setattr(module, "SNAPSHOT_S", 0.01)
    return Feed(hub, CurrentCatalog(Catalog(default="m", models=MODELS)))


def join(hub: Hub, account: str, name: str) -> None:
    offer = ModelOffer(id="m", context=4096, slots=2)
    hub.join(Hello(worker=name, instance="a", models=(offer,)), Peer(f"s-{name}", account, "key"))


async def told(feed: Feed, viewer: Viewer, count: int) -> list[dict[str, Any]]:
    feed.enter(viewer)
    found = []
    async for text in feed.watch(viewer):
        found.append(json.loads(text))
        if len(found) == count:
            feed.leave(viewer)
            return found
    return found


async def test_the_whole_comes_first_and_then_what_has_changed(hub: Hub, feed: Feed) -> None:
    running = asyncio.create_task(feed.run())
    join(hub, "me", "a")
    watching = asyncio.create_task(told(feed, ME, 200))
    await asyncio.sleep(0.1)
    join(hub, "me", "b")
    first, *rest = await watching
    running.cancel()
    assert first["object"] == "network" and [worker["name"] for worker in first["workers"]] == ["a"]
    assert {event["object"] for event in rest} == {"network.change"}
    assert [worker["name"] for event in rest for worker in event["workers"]] == ["b"]


async def test_two_who_may_see_the_same_are_told_the_same_bytes_and_others_their_own(hub: Hub, feed: Feed) -> None:
    join(hub, "me", "a")
    assert feed.snapshot(ME) is feed.snapshot(Viewer("me"))
    assert b'"name":"a"' in feed.snapshot(ME) and b'"name":"a"' not in feed.snapshot(YOU)


async def test_who_missed_a_look_is_told_the_whole_again(hub: Hub, feed: Feed) -> None:
    feed.enter(ME)
    texts = feed.watch(ME)
    assert json.loads(await anext(texts))["object"] == "network"
    for _ in range(2):
        feed._take()
        feed.snapshot(ME)  # somebody else of the account keeps up
    assert json.loads(await anext(texts))["object"] == "network"
    await texts.aclose()


async def test_only_so_many_may_watch(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_VIEWERS_OF_ONE", 2)
    for _ in range(2):
        feed.admit(ME)
        feed.enter(ME)
    with pytest.raises(SupernetError) as caught:
        feed.admit(ME)
    assert caught.value.code is ErrorCode.RATE_LIMIT_EXCEEDED and caught.value.retry_after_s
    feed.admit(YOU)
    feed.leave(ME)
    feed.admit(ME)


async def test_visitors_without_a_key_are_not_held_to_the_bound_of_one_account(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_VIEWERS_OF_ONE", 2)
    monkeypatch.setattr(module, "MAX_VIEWERS_WITHOUT_KEY", 4)
    nobody = Viewer(None)
    for _ in range(4):
        feed.admit(nobody)
        feed.enter(nobody)
    with pytest.raises(SupernetError):
        feed.admit(nobody)
    feed.admit(ME)


async def test_nothing_is_remembered_of_viewers_who_have_gone(hub: Hub, feed: Feed) -> None:
    await told(feed, ME, 1)
    feed._take()
    assert not feed._views and not feed._watching


async def test_the_stream_ends_with_the_coordinator(hub: Hub, feed: Feed) -> None:
    running = asyncio.create_task(feed.run())
    watching = asyncio.create_task(told(feed, ME, 10**9))
    await asyncio.sleep(0.05)
    hub.drained.set()
    assert await watching
    running.cancel()


async def test_a_worker_is_shown_to_its_owner_alone(hub: Hub, feed: Feed) -> None:
    join(hub, "me", "a")
    name = json.loads(feed.snapshot(ME))["workers"][0]["id"]
    assert feed.worker(name, ME)["worker"] == "a"
    for viewer, asked in ((YOU, name), (ME, "0" * 12)):
        with pytest.raises(SupernetError) as caught:
            feed.worker(asked, viewer)
        assert caught.value.code is ErrorCode.UNKNOWN_WORKER


async def test_what_a_snapshot_costs_decides_when_the_next_one_comes(
    hub: Hub, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(hub, "me", "a")
    first = feed.snapshot(ME)
    feed._every_s = 60.0
    join(hub, "me", "b")
    await asyncio.sleep(0.05)
    assert feed.snapshot(ME) is first, "who asks meanwhile is shown the last one"
    feed.look_anew()
    assert b'"name":"b"' in feed.snapshot(ME)
    monkeypatch.setattr(module, "SHARE", 1e-12)
    feed._take()
    assert feed._every_s == module.MOST_S


async def test_who_watches_is_told_only_the_difference_after_what_an_operator_did_at_once(hub: Hub, feed: Feed) -> None:
    join(hub, "me", "a")
    feed.enter(ME)
    texts = feed.watch(ME)
    await anext(texts)
    feed.look_anew()
    join(hub, "me", "b")
    feed.snapshot(ME)
    told = json.loads(await anext(texts))
    assert told["object"] == "network.change" and [worker["name"] for worker in told["workers"]] == ["b"]
    await texts.aclose()


async def test_all_workers_have_their_turn_while_nobody_watches(
    hub: Hub, feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PREPARED", 2)
    for name in "abcde":
        join(hub, "me", name)
    for _ in range(2):
        for _ in range(4):
            feed._prepared = module._prepare(hub, feed._watch, feed._prepared)
        assert len(feed._watch._memory) == 5
    join(hub, "me", "f")
    for _ in range(4):
        feed._prepared = module._prepare(hub, feed._watch, feed._prepared)
    assert len(feed._watch._memory) == 6
