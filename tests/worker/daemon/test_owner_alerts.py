"""The owner is told by the machine itself, once when something lasts and once when it is over."""

import asyncio
import json
from typing import Any

import pytest

from program.alerts import Rule
from tests.fakes.receiver import Answer, receiving, status
from worker.daemon.owner_alerts import HOT_C, OwnerAddress, OwnerAlerts, troubles
from worker.issues import issue
from worker.machine.description import Reading
from worker.telemetry.status import Problem, Status

BASE: dict[str, Any] = {
    "time": 1.0,
    "pid": 1,
    "worker": "w",
    "name": "attic",
    "version": "0",
    "uptime_s": 1.0,
    "phase": "serving",
    "progress": "",
    "paused": False,
    "memory_bytes": 1,
    "available_bytes": 1,
    "last_problem": None,
}


def with_problems(*codes: str, gpus: tuple[Reading, ...] = ()) -> Status:
    problems = tuple(Problem(since=1.0, issue=issue(code, f"{code} it is")) for code in codes)
    return Status(**BASE, problems=problems, gpus=gpus)


WELL = with_problems()


def alerts(url: str = "http://127.0.0.1:9/") -> OwnerAlerts:
    return OwnerAlerts(OwnerAddress("webhook", url), "attic", lambda: WELL, tries_s=(0.0, 0.01, 0.01))


def told(course: list[tuple[float, Status]]) -> list[tuple[float, str]]:
    mine = alerts()
    return [(at, alert.title) for at, seen in course for alert in mine.look(seen, at)]


def test_a_coordinator_that_is_out_of_reach_for_ten_minutes() -> None:
    down = with_problems("coordinator_unreachable")
    course = [(float(at), down if at < 900 else WELL) for at in range(0, 1200, 5)]
    assert told(course) == [(600, "attic: coordinator_unreachable"), (960, "attic: coordinator_unreachable is over")]


def test_an_outage_that_is_over_is_only_a_warning_and_none_here() -> None:
    was = issue("coordinator_unreachable", "was out of reach").model_copy(update={"severity": "warning"})
    seen = Status(**BASE, problems=(Problem(since=1.0, issue=was),))
    assert troubles(seen, hot=False) == {}


def test_what_keeps_it_from_serving_and_nothing_less() -> None:
    seen = with_problems("engine_not_loaded", "disk_full", "paused", "off_schedule", "gpu_in_use", "too_hot")
    assert set(troubles(seen, hot=False)) == {"engine_not_loaded", "disk_full", "too_hot"}


def gpu(celsius: float | None) -> Status:
    return with_problems(gpus=(Reading("GPU 0", 1, temperature_c=celsius),))


@pytest.mark.parametrize(
    ("celsius", "hot", "is_hot"),
    [(HOT_C, False, True), (HOT_C - 1, False, False), (HOT_C - 5, True, True), (HOT_C - 6, True, False), (None, 1, 0)],
)
def test_a_gpu_that_is_hot_has_to_cool_down(celsius: float | None, hot: bool, is_hot: bool) -> None:
    assert ("too_hot" in troubles(gpu(celsius), hot)) == bool(is_hot)


def test_a_gpu_that_hovers_about_the_bound_is_one_message() -> None:
    course = [(float(at), gpu(91 if at // 30 % 2 else 88)) for at in range(0, 3600, 5)]
    assert [title for _, title in told(course)] == ["attic: too_hot"]


def test_what_is_over_and_quiet_is_forgotten() -> None:
    mine = alerts()
    mine.look(with_problems("disk_full"), 0.0)
    mine.look(WELL, 1.0)
    mine.look(WELL, 200.0)
    assert not mine._standings and not mine._words


@pytest.mark.parametrize(("answer", "tries"), [(status(200), 1), (status(500), 3)])
async def test_a_message_is_sent_and_a_few_times_if_need_be(
    answer: Answer, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.daemon.owner_alerts.PROBLEM", Rule(0, 0, 3600))
    with receiving(answer) as here:
        mine = alerts(here.url)
        mine.status = lambda: with_problems("disk_full")
        task = asyncio.create_task(mine.run())
        async with asyncio.timeout(10):
            while not here.got or mine._sending:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        task.cancel()
    assert [json.loads(got.body)["data"]["title"] for got in here.got] == ["attic: disk_full"] * tries


async def test_the_last_word(caplog: pytest.LogCaptureFixture) -> None:
    problem = Problem(since=1.0, issue=issue("key_refused", "the key is refused"))
    with receiving() as here:
        await alerts(here.url).last_word(problem)
    (got,) = here.got
    data = json.loads(got.body)["data"]
    assert data["title"] == "attic: key_refused" and data["text"].startswith("It has ended: the key is refused")
    await alerts(here.url).last_word(problem)
    assert "did not arrive" in caplog.text
