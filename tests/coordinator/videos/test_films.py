"""Films that run: watched to their end, bounded by account. tests/coordinator/api/test_videos.py has them whole."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.clock import now_ms
from coordinator.dispatch.effects import Deliver, Failed, Finished, Progressed, Report
from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub.answers import Answers
from coordinator.scheduler.state import JobSpec
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from coordinator.store.store import Store
from coordinator.videos import films, rows
from coordinator.videos.films import Films
from coordinator.videos.rows import Film
from tests.coordinator.conftest import until
from tests.coordinator.media_catalog import FILMS
from wire.chat import Usage
from wire.errors import ErrorCode, SupernetError
from wire.media import GenerateVideo, MediaRequest

REPORT = Report(Usage(prompt=0, cached=0, completion=0, reasoning=0))
MAKE = GenerateVideo(prompt="x", width=64, height=48, frames=9, fps=8, steps=1)


class Control:
    """The hub, as far as answers ask it."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []
        self.requests: set[object] = set()

    def now(self) -> float:
        return 0.0

    def acknowledged(self, delivered: Deliver) -> None: ...

    def queue_position(self, job: str) -> QueuePosition | None:
        return None

    def cancel(self, job: str) -> None:
        self.cancelled.append(job)


@pytest.fixture
def store(database_file: Path) -> Iterator[Store]:
    with closing(Database(database_file)) as database, Store(database) as opened:
        yield opened


@pytest.fixture
def account(store: Store) -> str:
    return create_account(store.database, "alice", 0).id


def asked(account: str, name: str = "a") -> tuple[Film, Answers, Control]:
    control = Control()
    spec = JobSpec(id=f"{name}.0", account=account, model=FILMS.id, request=MediaRequest(make=MAKE), seed=1)
    return Film(name, account, FILMS.id, 64, 48, 1, now_ms()), Answers(control, [spec]), control


async def test_its_progress_is_known_and_its_end_written_down(store: Store, account: str) -> None:
    kept = Films(store)
    film, answers, _ = asked(account)
    running = await kept.begin(film, answers)
    assert running.waits and kept.running(account, "a") is running and kept.running("other", "a") is None
    answers.accept(answers.jobs[0])
    answers.put(Progressed(answers.jobs[0], "denoising", 1, 2))
    async with asyncio.timeout(5):
        while not running.percent:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not running.waits and 0 < running.percent < 100
    answers.put(Finished(answers.jobs[0], "stop", REPORT))
    answers.end(answers.jobs[0])
    await kept.close()
    assert kept.running(account, "a") is None
    assert (await kept.find(account, "a")).error is None


async def test_why_it_failed_is_written_down(store: Store, account: str) -> None:
    kept = Films(store)
    film, answers, _ = asked(account)
    await kept.begin(film, answers)
    answers.put(Failed(answers.jobs[0], SupernetError(ErrorCode.QUEUE_TIMEOUT, "too long"), REPORT))
    answers.end(answers.jobs[0])
    await kept.close()
    assert (await kept.find(account, "a")).error == ("queue_timeout", "too long")


async def test_what_cannot_be_written_down_is_cancelled(
    store: Store, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def out_of_reach(*_: object) -> None:
        raise Unavailable("postgresql://me:SECRET@host cannot be written")

    monkeypatch.setattr(rows, "add", out_of_reach)
    kept = Films(store)
    film, answers, control = asked(account)
    with pytest.raises(SupernetError, match="try again") as refused:
        await kept.begin(film, answers)
    assert refused.value.code is ErrorCode.OVERLOADED and "SECRET" not in refused.value.message
    assert control.cancelled == [answers.jobs[0]] and kept.running(account, "a") is None


async def test_to_delete_one_that_runs_cancels_it(store: Store, account: str) -> None:
    kept = Films(store)
    film, answers, control = asked(account)
    await kept.begin(film, answers)
    assert await kept.delete(account, "a") == film
    assert control.cancelled == [answers.jobs[0]]
    with pytest.raises(SupernetError, match="no such video"):
        await kept.delete(account, "a")
    await kept.close()


async def refused_room(kept: Films, account: str) -> None:
    async with kept.room(account):
        pytest.fail("there was room")


async def test_one_that_was_deleted_at_another_replica_is_cancelled_and_not_watched_any_more(
    store: Store, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(films, "LOOK_S", 0.01)
    shown = Films(store)
    film, answers, control = asked(account)
    await shown.begin(film, answers)
    await store.run(rows.remove, account, film.name)
    await until(lambda: bool(control.cancelled))
    assert control.cancelled == answers.jobs and shown.running(account, film.name) is None
    answers.end(answers.jobs[0])  # of a client that has left nothing more is told
    await until(lambda: not shown._tasks)


async def test_one_that_was_deleted_here_is_not_watched_any_more(
    store: Store, account: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(films, "LOOK_S", 0.01)
    shown = Films(store)
    film, answers, _ = asked(account)
    await shown.begin(film, answers)
    await shown.delete(account, film.name)
    answers.end(answers.jobs[0])
    await until(lambda: not shown._tasks)


async def test_both_bounds_of_an_account(store: Store, account: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MOST_RUNNING", 1)
    monkeypatch.setattr(films, "MOST_KEPT", 1)
    kept = Films(store)
    async with kept.room(account):
        with pytest.raises(SupernetError, match="under way"):  # the other one is about to begin
            await refused_room(kept, account)
    async with kept.room(account):
        pass  # it came to nothing
    film, answers, _ = asked(account)
    await kept.begin(film, answers)
    with pytest.raises(SupernetError, match="under way"):
        await refused_room(kept, account)
    await kept.close()
    again = Films(store)
    await again.interrupted()
    found = await again.find(account, "a")
    assert found.error is not None and found.error[0] == rows.INTERRUPTED
    with pytest.raises(SupernetError, match="delete some") as refused:
        await refused_room(again, account)
    assert refused.value.code is ErrorCode.MEDIA_QUOTA
