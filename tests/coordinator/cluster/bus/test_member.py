"""A member on a local bus, around a replica that only notes what it is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from coordinator.cluster.bus import member as members
from coordinator.cluster.bus.local_bus import LocalBus, Switchboard
from coordinator.cluster.bus.member import Member
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply, Reread, Shown
from coordinator.dispatch.effects import Effect
from tests.coordinator.conftest import until

A, B = "aaaaaaaa", "bbbbbbbb"


class Notes:
    """A replica and the hub around it: it notes what it is told, and answers at once what it is asked."""

    def __init__(self, me: str, switchboard: Switchboard) -> None:
        self.lags: list[float] = []
        self.told: list[tuple[object, ...]] = []
        self.rereads = 0
        self.member = Member(LocalBus(me, switchboard), self, self.perform, lambda: 7.0, self.reread, lambda: b"a look")

    @property
    def lag_s(self) -> float:
        return self.lags[-1]

    @lag_s.setter
    def lag_s(self, lag_s: float) -> None:
        self.lags.append(lag_s)

    def perform(self, effects: Sequence[Effect | BusEffect]) -> None:
        for effect in effects:
            assert isinstance(effect, BusEffect)
            self.member.perform(effect)

    def reread(self) -> None:
        self.rereads += 1

    def heard(self, data: bytes, now: float) -> list[BusEffect]:
        self.told.append(("heard", data, now))
        return [Reread()] if data == b"revised" else []

    def asked(self, ask: int, data: bytes, now: float) -> list[BusEffect]:
        self.told.append(("asked", data, now))
        if data == b"look":
            return [Shown(ask)]
        return [] if data == b"nothing" else [Reply(ask, b"re: " + data), Reply(ask, b"again")]

    def answered(self, ask: int, data: bytes | None, now: float) -> list[BusEffect]:
        self.told.append(("answered", ask, data))
        return []

    def flush(self, now: float) -> list[BusEffect]:
        self.told.append(("flush",))
        return [Publish(B, b"a batch")]


@asynccontextmanager
async def two() -> AsyncIterator[tuple[Notes, Notes, Switchboard]]:
    switchboard = Switchboard()
    a, b = Notes(A, switchboard), Notes(B, switchboard)
    tasks = [asyncio.create_task(one.member.run()) for one in (a, b)]
    await until(lambda: len(switchboard.buses) == 2)
    try:
        yield a, b, switchboard
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_is_told_is_heard() -> None:
    async with two() as (a, b, _):
        a.perform([Publish(B, b"one"), Publish(None, b"two")])
        await until(lambda: len(b.told) == 2)
        assert b.told == [("heard", b"one", 7.0), ("heard", b"two", 7.0)] and a.told == []


async def test_what_is_asked_comes_back_under_its_number_and_without_an_answer_as_none() -> None:
    async with two() as (a, b, switchboard):
        a.perform([Ask(B, 5, b"who?", 10.0), Ask(None, 6, b"look", 10.0), Ask(B, 7, b"nothing", 0.01)])
        a.perform([Ask("cccccccc", 8, b"who?", 10.0)])
        await until(lambda: len(a.told) == 4)
        answers = {5: b"re: who?", 6: b"a look", 7: None, 8: None}
        assert set(a.told) == {("answered", ask, answer) for ask, answer in answers.items()}
        assert len(b.told) == 3
        switchboard.dark = True
        a.perform([Ask(B, 9, b"who?", 10.0)])
        await until(lambda: ("answered", 9, None) in a.told)


async def test_before_it_is_on_the_bus_nothing_is_answered() -> None:
    notes = Notes(A, Switchboard())
    notes.perform([Publish(B, b"lost"), Ask(B, 1, b"who?", 10.0), Reply(3, b"to nobody")])
    assert notes.told == [("answered", 1, None)]


async def test_many_asks_at_a_time_are_bounded() -> None:
    async with two() as (a, _, _):
        a.perform([Ask(B, number, b"nothing", 0.2) for number in range(members.MOST_ASKS + 1)])
        assert a.told == [("answered", members.MOST_ASKS, None)]
        a.perform([Ask(B, 4000, b"who?", 10.0, urgent=True)])
        await until(lambda: ("answered", 4000, b"re: who?") in a.told)
        await until(lambda: len(a.told) == members.MOST_ASKS + 2)
        a.perform([Ask(B, 5000, b"who?", 10.0)])
        await until(lambda: ("answered", 5000, b"re: who?") in a.told)


async def test_what_gathers_in_a_turn_goes_at_its_end_once() -> None:
    async with two() as (a, b, _):
        a.perform([Flush(), Flush()])
        assert a.told == []
        await until(lambda: bool(b.told))
        assert a.told == [("flush",)] and b.told == [("heard", b"a batch", 7.0)]
        a.perform([Flush()])
        await until(lambda: len(b.told) == 2)


async def test_what_can_wait_goes_at_once_where_nothing_went_just_now_and_else_with_what_follows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(members, "PAUSE_S", 3600.0)
    async with two() as (a, b, _):
        a.perform([Flush(can_wait=True)])
        await until(lambda: len(b.told) == 1)
        a.perform([Flush(can_wait=True), Flush(can_wait=True)])
        await asyncio.sleep(0.05)
        assert len(b.told) == 1
        a.perform([Flush()])
        await until(lambda: len(b.told) == 2)
    assert a.told == [("flush",)] * 2


async def test_what_waited_goes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "PAUSE_S", 0.05)
    async with two() as (a, b, _):
        a.perform([Flush(can_wait=True)])
        await until(lambda: len(b.told) == 1)
        a.perform([Flush(can_wait=True), Flush(can_wait=True)])
        await until(lambda: len(b.told) == 2)
    assert a.told == [("flush",)] * 2


async def test_a_change_of_keys_is_passed_on() -> None:
    async with two() as (a, b, _):
        a.perform([Publish(None, b"revised")])
        await until(lambda: b.rereads == 1)


async def test_how_late_the_process_runs_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "LAG_S", 0.01)
    async with two() as (a, _, _):
        await until(lambda: bool(a.lags))
        time.sleep(0.3)  # noqa: ASYNC251  it stands still
        await until(lambda: max(a.lags) > 0.1)


async def test_questions_that_nobody_answers_are_forgotten() -> None:
    async with two() as (_, b, _):
        for number in range(members.MOST_QUESTIONS + 100):
            b.member.asked(str(number), b"nothing")
        assert len(b.member._questions) == members.MOST_QUESTIONS
