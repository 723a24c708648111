"""What happens to workers, money and the network reaches people, once."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from coordinator.alerts.alerts import Alerts
from coordinator.identity.addresses import read_networks
from coordinator.store.alert_tables import alert_outbox, alert_subjects
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from program import post
from tests.coordinator.api.test_account import ASK
from tests.coordinator.conftest import Coordinator, FakeWorker, Start
from tests.fakes.receiver import Receiver, receiving, self_signed, status
from wire import messages as wire

LOOPBACK = read_networks("127.0.0.1")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def receiver(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    trusted = ssl.create_default_context(cafile=str(certificate))
    monkeypatch.setattr(post, "_trusted", lambda: trusted)
    with receiving(certificate=certificate) as here:
        yield here


@asynccontextmanager
async def told(start: Start, receiver: Receiver, **settings: Any) -> AsyncIterator[tuple[Coordinator, Alerts]]:
    """A coordinator whose account is told of everything, at once."""
    known = {"alerts": True, "alert_networks": LOOPBACK, "alert_after_s": 0.0} | settings
    async with start(**known) as coordinator:
        async with coordinator.http() as http:
            made = await http.post("/v1/account/alerts", json={"service": "webhook", "url": receiver.url})
            assert made.status_code == 201, made.text
        await coordinator.running.services.alerts.once()
        yield coordinator, coordinator.running.services.alerts


async def titles(alerts: Alerts, receiver: Receiver) -> list[str]:
    """What has arrived since the last time, with one look at everything."""
    receiver.got.clear()
    await alerts.once()
    await alerts.sender.once()
    return [json.loads(got.body)["data"]["title"] for got in receiver.got]


def shift(database: Database, seconds: float) -> None:
    """Time has passed: everything that is remembered is so much older."""
    with database.transaction() as connection:
        for table in (alert_subjects, alert_outbox):
            for name in ("seen_ms", "since_ms", "gone_ms", "told_ms", "at_ms", "due_ms"):
                if name in table.c:
                    connection.execute(update(table).values({name: table.c[name] - int(seconds * 1000)}))


async def passes(coordinator: Coordinator, seconds: float) -> None:
    await coordinator.running.store.run(shift, seconds)


async def test_a_worker_that_drops_is_down_and_back(start_coordinator: Start, receiver: Receiver) -> None:
    async with told(start_coordinator, receiver) as (coordinator, alerts):
        async with coordinator.worker() as worker:
            await worker.join(name="attic")
            assert await titles(alerts, receiver) == []
            worker.socket.transport.abort()
            await asyncio.sleep(0.1)
            assert await titles(alerts, receiver) == ["attic is down"]
            assert await titles(alerts, receiver) == []
        async with coordinator.worker() as worker:
            await worker.join(name="attic", instance="b")
            assert await titles(alerts, receiver) == []
            await passes(coordinator, 31)
            assert await titles(alerts, receiver) == ["attic is back"]


async def test_a_worker_that_leaves_by_itself_is_not_down(start_coordinator: Start, receiver: Receiver) -> None:
    async with told(start_coordinator, receiver) as (coordinator, alerts):
        async with coordinator.worker() as worker:
            await worker.join(name="attic")
            await titles(alerts, receiver)
        await asyncio.sleep(0.1)
        assert await titles(alerts, receiver) == []
        async with coordinator.worker() as worker:
            await worker.join(name="attic", instance="b")
            await titles(alerts, receiver)
            worker.socket.transport.abort()
            await asyncio.sleep(0.1)
            assert await titles(alerts, receiver) == ["attic is down"], "it left once, and not this time"


async def test_what_a_worker_says_is_wrong(start_coordinator: Start, receiver: Receiver) -> None:
    async with told(start_coordinator, receiver) as (coordinator, alerts), coordinator.worker() as worker:
        await worker.join(name="attic")
        await titles(alerts, receiver)
        hot = wire.Issue(code="too_hot", severity="warning", message="GPU 0 has 95 °C")
        bad = wire.Issue(code="disk_full", severity="error", message="no room", remedy="Free some.")
        note = wire.Issue(code="paused", severity="info", message="paused")
        await worker.say(hot, bad, note)
        await asyncio.sleep(0.1)
        assert await titles(alerts, receiver) == ["attic has a problem: disk_full"]
        await passes(coordinator, 61)
        assert await titles(alerts, receiver) == ["attic is too hot"]


async def test_all_that_go_at_once_are_one_message(start_coordinator: Start, receiver: Receiver) -> None:
    async with told(start_coordinator, receiver) as (coordinator, alerts):
        workers = [coordinator.worker() for _ in range(5)]
        opened: list[FakeWorker] = [await one.__aenter__() for one in workers]
        for number, worker in enumerate(opened):
            await worker.join(name=f"w{number}")
        await titles(alerts, receiver)
        for worker in opened:
            worker.socket.transport.abort()
        await asyncio.sleep(0.1)
        assert await titles(alerts, receiver) == ["w0 is down, and 4 more like it"]


async def test_the_operator_hears_of_a_model_that_nobody_serves(start_coordinator: Start, tmp_path: Path) -> None:
    with receiving() as own:
        async with start_coordinator(alert_url=own.url, alert_kind="ntfy") as coordinator:
            alerts = coordinator.running.services.alerts
            async with coordinator.http() as http:
                await alerts.once()
                for _ in range(2):
                    refused = await http.post("/v1/chat/completions", json=ASK)
                    assert refused.status_code == 503
                    await alerts.once()
                    await passes(coordinator, 45)
                    await http.post("/v1/chat/completions", json=ASK)
                    await alerts.once()
                    await passes(coordinator, 45)
                await http.post("/v1/chat/completions", json=ASK)
                await alerts.once()
                await alerts.sender.once()
        assert [got.headers["title"] for got in own.got] == ["Nobody serves tiny"]


async def test_the_operator_hears_that_the_database_is_away(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as own:
        async with start_coordinator(alert_url=own.url) as coordinator:
            alerts = coordinator.running.services.alerts
            clock = [1_000.0]
            monkeypatch.setattr("coordinator.alerts.alerts.time.time", lambda: clock[0])
            for away, at in ((False, 0), (True, 5), (True, 36), (True, 50), (False, 60), (False, 91)):
                clock[0] = 1_000.0 + at
                alerts._tell_of_database(away)
                await asyncio.gather(*alerts._direct)
        words = [json.loads(got.body)["data"]["title"].partition(" (")[0] for got in own.got]
        assert words == ["The database is away", "The database is back"]


async def test_a_failing_database_does_not_end_the_task(
    start_coordinator: Start, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with told(start_coordinator, receiver) as (_, alerts):
        failed = asyncio.Event()

        async def fails(*_: object) -> None:
            failed.set()
            raise Unavailable("away")

        monkeypatch.setattr("coordinator.alerts.alerts.LOOK_S", 0.0)
        monkeypatch.setattr("coordinator.alerts.alerts.SEND_S", 0.0)
        monkeypatch.setattr(alerts.store, "run", fails)
        task = asyncio.create_task(alerts.run())
        await asyncio.wait_for(failed.wait(), 10)
        await asyncio.sleep(0.1)
        assert not task.done()
        task.cancel()


async def test_a_database_that_hangs_is_as_good_as_away(
    start_coordinator: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as own:
        async with start_coordinator(alert_url=own.url) as coordinator:
            alerts, told, looks = coordinator.running.services.alerts, list[bool](), 0

            async def hangs() -> int:
                nonlocal looks
                looks += 1
                await asyncio.sleep(3600)
                return 0

            monkeypatch.setattr("coordinator.alerts.alerts.LOOK_S", 0.0)
            monkeypatch.setattr("coordinator.alerts.alerts.ANSWER_S", 0.01)
            monkeypatch.setattr(alerts, "once", hangs)
            monkeypatch.setattr(alerts, "_tell_of_database", told.append)
            task = asyncio.create_task(alerts._looking())
            async with asyncio.timeout(10):
                while len(told) < 5:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            task.cancel()
            assert all(told) and looks == 1, "no second one is begun"


async def test_nothing_is_looked_at_where_nobody_is_told(start_coordinator: Start) -> None:
    async with start_coordinator() as coordinator:
        await asyncio.wait_for(coordinator.running.services.alerts.run(), 1)


async def test_a_message_that_does_not_arrive_is_tried_again_and_not_for_ever(
    start_coordinator: Start, receiver: Receiver
) -> None:
    receiver.answer = status(503)
    async with told(start_coordinator, receiver) as (coordinator, alerts):
        async with coordinator.worker() as worker:
            await worker.join(name="attic")
            await titles(alerts, receiver)
            worker.socket.transport.abort()
            await asyncio.sleep(0.1)
        receiver.got.clear()
        await alerts.once()
        tries = 0
        for _ in range(20):
            await alerts.sender.once()
            await passes(coordinator, 4000)
            tries = len([got for got in receiver.got if b"is down" in got.body])
        assert tries == 5
        ids = {got.headers["webhook-id"] for got in receiver.got if b"is down" in got.body}
        assert len(ids) == 1, "the same message at every try"
        async with coordinator.http() as http:
            listed = (await http.get("/v1/account/alerts")).json()
        (one,) = [sent for sent in listed["sent"] if sent["title"] == "attic is down"]
        assert (one["state"], one["status"], one["tries"]) == ("failed", "refused with status 503", 5)
