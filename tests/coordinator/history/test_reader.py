import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from coordinator.clock import DAY_MS
from coordinator.history import reader as module
from coordinator.history.figures import ALL, FIVE_MINUTES_MS, HOUR_MS, MINUTE_MS
from coordinator.history.reader import Reader, days_ago, hours_ago
from coordinator.history.uptime import Uptime
from tests.coordinator.history.month import NOW_MS
from wire.errors import ErrorCode, SupernetError

HOUR = NOW_MS - NOW_MS % HOUR_MS


class Asked:
    """In the place of the database: what was asked, and one answer at a time."""

    def __init__(self) -> None:
        self.questions: list[tuple[str, tuple[Any, ...]]] = []
        self.answers: dict[str, Any] = {"masks": {}, "began": {}}
        self.gate = asyncio.Event()
        self.gate.set()
        self.at_once = self.most_at_once = 0

    async def __call__(self, work: Callable[..., Any], *args: Any) -> Any:
        self.questions.append((work.__name__, args))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.gate.wait()
        self.at_once -= 1
        return self.answers.get(work.__name__, {})


def test_the_last_hours_and_days_hold_the_one_that_is_open() -> None:
    assert hours_ago(NOW_MS, 24) == HOUR - 23 * HOUR_MS
    assert hours_ago(NOW_MS, 1, FIVE_MINUTES_MS) == NOW_MS - NOW_MS % FIVE_MINUTES_MS - 55 * MINUTE_MS
    assert days_ago(NOW_MS, 1) == NOW_MS // DAY_MS * DAY_MS
    assert days_ago(NOW_MS, 30) == NOW_MS // DAY_MS * DAY_MS - 29 * DAY_MS


async def test_what_one_has_asked_for_the_next_is_told_without_a_question() -> None:
    asked = Asked()
    reader = Reader(asked)
    for _ in range(3):
        await reader.day(["m"], NOW_MS)
    await reader.week(["m"], NOW_MS)
    await reader.day(["n"], NOW_MS)
    await reader.day(["n"], NOW_MS + HOUR_MS)
    assert [name for name, _ in asked.questions] == ["totals"] * 4


async def test_it_is_asked_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, clock = Asked(), [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    reader = Reader(asked)
    for _ in range(3):
        await reader.month("m", NOW_MS)
        clock[0] += module.KEPT_S
    assert len(asked.questions) == 3


async def test_one_question_at_a_time_goes_to_the_database_and_the_same_one_once() -> None:
    asked = Asked()
    reader = Reader(asked)
    asked.gate.clear()
    readers = [asyncio.create_task(reader.day([model], NOW_MS)) for model in "aabbcc"]
    for _ in range(5):
        await asyncio.sleep(0)
    assert len(asked.questions) == 1
    asked.gate.set()
    await asyncio.gather(*readers)
    assert asked.most_at_once == 1 and len(asked.questions) == 3


async def test_too_many_who_wait_are_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 2)
    asked = Asked()
    reader = Reader(asked)
    asked.gate.clear()
    readers = [asyncio.create_task(reader.day([model], NOW_MS)) for model in "ab"]
    await asyncio.sleep(0)
    with pytest.raises(SupernetError) as refused:
        await reader.day(["c"], NOW_MS)
    assert refused.value.code is ErrorCode.RATE_LIMIT_EXCEEDED and refused.value.retry_after_s
    asked.gate.set()
    await asyncio.gather(*readers)
    await reader.day(["c"], NOW_MS)


async def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)
    reader = Reader(Asked())
    for number in range(20):
        await reader.day([str(number)], NOW_MS)
        assert len(reader._kept) <= 3


async def test_a_question_that_failed_is_asked_again() -> None:
    failing = True

    async def ask(work: Callable[..., Any], *args: Any) -> Any:
        if failing:
            raise ConnectionError
        return {"m": {"requests": 5}}

    reader = Reader(ask)
    with pytest.raises(ConnectionError):
        await reader.month("m", NOW_MS)
    failing = False
    assert await reader.month("m", NOW_MS) == {"requests": 5}


async def test_minutes_of_a_model_are_measured_by_those_of_the_network() -> None:
    asked = Asked()
    asked.answers["masks"] = {"m": {"up": {HOUR: 0b0011}, "measured": {}}, ALL: {"up": {}, "measured": {HOUR: 0b1111}}}
    asked.answers["began"] = {HOUR: 0b1111}
    reader = Reader(asked)
    minutes = await reader.minutes(["m"], NOW_MS)
    assert minutes.uptime("m", HOUR - DAY_MS, NOW_MS) == Uptime(4, 4, 2)
    assert minutes.known == (HOUR, HOUR + 4 * MINUTE_MS)
    assert [args for name, args in asked.questions if name == "masks"] == [
        ([ALL, "m"], HOUR - HOUR_MS),
        ([ALL], days_ago(NOW_MS, 31)),
        (["m"], days_ago(NOW_MS, 31)),
    ]


async def test_hours_that_are_over_are_read_once_an_hour(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    asked = Asked()
    asked.answers["masks"] = {model: {"up": {}, "measured": {}} for model in ("m", ALL)}
    reader = Reader(asked)
    for _ in range(3):
        await reader.minutes(["m"], NOW_MS)
        clock[0] += module.KEPT_S
    await reader.minutes(["m"], NOW_MS + HOUR_MS)
    months = [args for name, args in asked.questions if name == "masks" and len(args[0]) == 1]
    assert len(months) == 2 * 2
