"""The real parts, with a clock that is told the time: what was used, who was there, what could not be served."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from coordinator.clock import DAY_MS
from coordinator.current_catalog import CurrentCatalog
from coordinator.dispatch.effects import Failed, Report, Stopped
from coordinator.history import reading
from coordinator.history import recorder as module
from coordinator.history.figures import ALL, HOUR_MS, MINUTE_MS
from coordinator.history.reader import Reader, days_ago
from coordinator.history.recorder import Recorder
from coordinator.history.rows import write
from coordinator.hub.hub import Hub
from coordinator.ledger.orders import Settle
from coordinator.scheduler.state import JobSpec, Peer
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from coordinator.store.history_tables import history_workers
from coordinator.store.store import Store
from tests.coordinator.history.month import NOW_MS, made_up, rolled_up, used
from tests.coordinator.ledger.builders import client, do, hold, payer
from tests.coordinator.media_catalog import CATALOG
from wire.chat import ChatRequest, Message, Usage
from wire.errors import ErrorCode, SupernetError
from wire.messages import Capacity, Hello
from wire.offers import ModelOffer, ModelState

HOUR = NOW_MS - NOW_MS % HOUR_MS
REQUEST = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=10)


@pytest.fixture
def serving(address: str) -> Iterator[Database]:
    with closing(Database(address, serve=True)) as opened:
        yield opened


@pytest.fixture
def recorder(serving: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    monkeypatch.setattr(module, "PAUSE_S", 0.0)
    with Store(serving) as store:
        yield Recorder(store, Hub(), CurrentCatalog(CATALOG))


def join(hub: Hub, name: str, slots: int = 2) -> None:
    offer = ModelOffer(id="tiny", context=4096, slots=slots)
    hub.join(Hello(worker=name, instance="a", models=(offer,)), Peer(f"s-{name}", "acc", "key"))
    hub.received(f"s-{name}", Capacity(models=(ModelState(id="tiny", status="ready", slots=slots, free=slots),)))


def spec(model: str = "tiny", account: str = "acc") -> JobSpec:
    return JobSpec(id="j", account=account, model=model, request=REQUEST, seed=1)


async def told(recorder: Recorder, model: str = ALL, since_ms: int = 0) -> dict[str, int]:
    found = await recorder.store.run(reading.totals, [model], since_ms)
    return found.get(model, {})


async def test_a_made_up_month_is_that_of_the_table_of_usage(recorder: Recorder, serving: Database) -> None:
    """Jobs go through the ledger, a worker comes and goes, and the recorder is there with pauses."""
    alice, die = payer(serving, spark_nano=10**12), random.Random(3)
    rows = made_up(alice, 300)
    up = set[int]()
    for hour in range(30 * 24, -1, -1):
        at_ms = HOUR - hour * HOUR_MS + 5 * MINUTE_MS
        due = [row for row in rows if row.at_ms < at_ms]
        rows = rows[len(due) :]
        for row in due:
            assert row.request is not None
            do(serving, hold(alice, row.request, 10**7), Settle(row.request, row.cost_nano, (), (row,), row.at_ms))
        if die.random() < 0.1:
            serves = any(worker.connected for worker in recorder.hub.cell.workers)
            recorder.hub.left("s-w", resumable=False) if serves else join(recorder.hub, "w")
        looked = recorder.look(at_ms)
        if any(worker.connected for worker in recorder.hub.cell.workers):
            up.add(at_ms)
        if looked and die.random() < 0.5:  # the database is away now and then
            await recorder.minute(at_ms)
            rolled_up(serving, at_ms)
    recorder.look(NOW_MS)
    await recorder.minute(NOW_MS)
    rolled_up(serving)

    for days in (1, 7, 30):
        since_ms = days_ago(NOW_MS, days)
        for model in (ALL, "tiny", "other", "draws"):
            found, expected = await told(recorder, model, since_ms), used(serving, since_ms, model or None)
            assert {name: found.get(name, 0) for name in expected} == expected, (days, model)
    minutes = await Reader(recorder.store.run).minutes(["tiny"], NOW_MS)
    month = minutes.uptime("tiny", days_ago(NOW_MS, 30), NOW_MS)
    within = [at_ms for at_ms in up if at_ms >= max(days_ago(NOW_MS, 30), minutes.known[0])]
    assert month.up == len(within) > 0
    assert month.measured == 29 * 24 + 16  # a look an hour, from midnight on


async def test_samples_are_of_the_cell(recorder: Recorder) -> None:
    join(recorder.hub, "a")
    join(recorder.hub, "b", slots=3)
    for minute in range(3):
        recorder.look(HOUR + minute * MINUTE_MS)
    recorder.hub.left("s-a", resumable=False)
    recorder.look(HOUR + 2 * MINUTE_MS + 30_000)
    recorder.look(HOUR + 3 * MINUTE_MS)
    await recorder.minute(HOUR + 3 * MINUTE_MS)
    tiny, whole = await told(recorder, "tiny"), await told(recorder)
    assert (tiny["workers"], tiny["ready"], tiny["slots"], tiny["busy"]) == (5, 5, 13, 0)
    assert (whole["workers"], whole["ready"], whole["slots"]) == (5, 5, 13)
    assert await told(recorder, "draws") == {}, "what nobody serves and nobody wants has no rows"


async def test_a_worker_that_offers_no_slots_serves_nothing(recorder: Recorder) -> None:
    join(recorder.hub, "a", slots=2)
    recorder.hub.received("s-a", Capacity(models=(ModelState(id="tiny", status="ready", slots=0, free=0),)))
    for minute in range(2):
        recorder.look(HOUR + minute * MINUTE_MS)
    await recorder.minute(HOUR + MINUTE_MS)
    assert (await told(recorder, "tiny"))["ready"] == 0
    masks = await recorder.store.run(reading.masks, ["tiny", ALL], HOUR)
    assert masks["tiny"]["up"] == {HOUR: 0} and masks[ALL]["measured"] == {HOUR: 1}


async def test_workers_are_counted_day_by_day(recorder: Recorder, serving: Database) -> None:
    join(recorder.hub, "a")
    for minute in range(61):
        if recorder.look(HOUR + minute * MINUTE_MS):
            await recorder.minute(HOUR + minute * MINUTE_MS)
    (row,) = serving.query(select(history_workers))
    assert (row.worker, row.day, row.account) == ("acc/a", HOUR // DAY_MS, "acc")
    assert (row.online, row.ready) == (60, 60)


async def test_jobs_that_no_worker_had_are_told_by_what_became_of_them(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "now_ms", lambda: HOUR)
    nothing = Report(Usage(prompt=0, cached=0, completion=0, reasoning=0))
    refused = Failed("j", SupernetError(ErrorCode.NO_WORKER, "none"), nothing)
    for account in ("a", "b"):
        recorder.job_ended(spec("draws", account), refused)
    recorder.job_ended(spec("draws"), Stopped("j", nothing))
    recorder.job_ended(spec("draws"), replace(refused, report=replace(nothing, attempts=1)))  # that is in usage
    await recorder.minute(HOUR)
    found = await told(recorder, "draws")
    assert (found["no_worker"], found["gave_up"], found["requests"]) == (2, 1, 0)


async def test_a_database_that_is_away_loses_nothing_and_what_it_took_is_not_written_twice(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    join(recorder.hub, "a")
    run, fails = recorder.store.run, Counter[str]()

    async def flaky(work: Any, *args: Any) -> Any:
        if work is write and fails["before"] < 2:
            fails["before"] += 1
            raise Unavailable("away")
        found = await run(work, *args)
        if work is write and fails["after"] < 2:
            fails["after"] += 1
            raise Unavailable("it is written, and its answer is lost")
        return found

    monkeypatch.setattr(recorder.store, "run", flaky)
    for minute in range(1, 21):
        recorder.look(HOUR + minute * MINUTE_MS)
        try:
            await recorder.minute(HOUR + minute * MINUTE_MS)
        except Unavailable:
            assert minute < 20
    assert fails == Counter(before=2, after=2)
    assert (await told(recorder, "tiny"))["workers"] == 19
    assert await run(reading.masks, ["tiny"], HOUR) == {
        "tiny": {"up": {HOUR: (1 << 20) - 2}, "measured": {HOUR: 0}},
    }


async def test_the_open_minute_is_written_as_a_server_ends_and_the_next_one_goes_on(
    recorder: Recorder, serving: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "now_ms", lambda: HOUR + 10)
    nothing = Report(Usage(prompt=0, cached=0, completion=0, reasoning=0))
    recorder.look(HOUR + 5)
    recorder.job_ended(spec(), Failed("j", SupernetError(ErrorCode.NO_WORKER, "none"), nothing))
    await recorder.close()
    again = Recorder(recorder.store, recorder.hub, CurrentCatalog(CATALOG))
    again._name = "replica of the next start"
    again.look(HOUR + 20)
    again.job_ended(spec(), Failed("j", SupernetError(ErrorCode.NO_WORKER, "none"), nothing))
    again.look(HOUR + MINUTE_MS)
    await again.minute(HOUR + MINUTE_MS)
    assert (await told(again, "tiny"))["no_worker"] == 2
    assert (await run_masks(again))[ALL]["measured"] == {HOUR: 1}


async def run_masks(recorder: Recorder) -> Any:
    return await recorder.store.run(reading.masks, ["tiny", ALL], HOUR)


async def test_the_end_of_a_server_with_a_database_that_is_away_is_its_end(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def away(*_: Any) -> Any:
        raise Unavailable("away")

    monkeypatch.setattr(recorder.store, "run", away)
    recorder.look(HOUR)
    recorder.look(HOUR + MINUTE_MS)
    await recorder.close()
    assert "the last minute of the history cannot be written" in caplog.text


async def test_what_was_used_by_a_client_that_has_no_name_here_is_counted_too(
    recorder: Recorder, serving: Database
) -> None:
    """Of use of before there was a history what is old is left out."""
    who = client(serving, "old", 10**9)
    for row in made_up(who, 30, days=90):
        assert row.request is not None
        do(serving, hold(who, row.request, 10**6), Settle(row.request, 5, (), (row,), row.at_ms))
    rolled_up(serving)
    found, expected = await told(recorder, ALL, days_ago(NOW_MS, 30)), used(serving, days_ago(NOW_MS, 30))
    assert {name: found[name] for name in expected} == expected
