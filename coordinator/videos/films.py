"""Films that run, each watched by a task until its end stands in the database. Nobody else listens to their jobs."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar, assert_never

from coordinator.accounts.errors import NotFound
from coordinator.clock import DAY_MS, now_ms
from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Progressed
from coordinator.hub.answers import Answers
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.store import Store
from coordinator.videos import rows
from coordinator.videos.rows import Film
from wire.errors import ErrorCode, SupernetError

log = logging.getLogger("supernet.videos")

MOST_RUNNING = 4  # of one account
MOST_KEPT = 2000  # of one account
KEPT_DAYS = 60  # the row of a film, whatever became of its file
LOOK_S = 5.0  # for one that was deleted at another replica: what has ended by then is paid for, and kept
RETRY_S = 5.0
CLOSE_S = 5.0

P = ParamSpec("P")
T = TypeVar("T")


@dataclass
class Running:
    """A film that is being made. `percent`: how much of it."""

    film: Film
    answers: Answers
    percent: int = 0

    @property
    def waits(self) -> bool:
        """No worker has accepted it yet."""
        return self.answers.waits


class Films:
    """All films of this network, and the tasks of those that run."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._running: dict[str, Running] = {}
        self._beginning: Counter[str] = Counter()  # by account
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def interrupted(self) -> None:
        """Note what ran when the process before ended, or, of several replicas, those that are dead. Where one serves
        alone it is to be called once, before any film is begun."""
        at_ms = now_ms()
        if found := await self._store.run(rows.interrupt, at_ms, at_ms - KEPT_DAYS * DAY_MS):
            log.warning("%d films ran when the coordinator ended", found)

    @asynccontextmanager
    async def room(self, account: str) -> AsyncIterator[None]:
        """Room for one film more while its job is submitted; `begin` it at once behind that. Raises rate_limit_exceeded
        if the account has as many films under way as it may, media_quota_exceeded if it has so many that it must delete
        some."""
        own = self._beginning[account] + sum(running.film.account == account for running in self._running.values())
        if own >= MOST_RUNNING:
            message = f"This account has {own} films under way, and may have {MOST_RUNNING}: wait for one of them."
            raise SupernetError(ErrorCode.RATE_LIMIT_EXCEEDED, message, retry_after_s=RETRY_S)
        self._beginning[account] += 1
        try:
            if await self._ask(rows.count, account) + self._beginning[account] > MOST_KEPT:
                message = f"This account has {MOST_KEPT:,} videos: delete some."
                raise SupernetError(ErrorCode.MEDIA_QUOTA, message)
            yield
        finally:
            self._beginning[account] -= 1
            self._beginning += Counter()  # keeps nothing of those who begin none

    async def begin(self, film: Film, answers: Answers) -> Running:
        """Watch a film whose job has been submitted. If it cannot be written down the job is cancelled."""
        running = self._running[film.name] = Running(film, answers)
        try:
            await self._run(rows.add, film)
        except BaseException:
            del self._running[film.name]
            answers.cancel()
            raise
        task = self._tasks[film.name] = asyncio.create_task(self._watch(running), name=f"video {film.name}")
        task.add_done_callback(lambda _: self._tasks.pop(film.name))
        return running

    def running(self, account: str, name: str) -> Running | None:
        """The film if it is being made."""
        found = self._running.get(name)
        return found if found is not None and found.film.account == account else None

    async def find(self, account: str, name: str) -> Film:
        """A film of the account. Raises not_found."""
        return await self._ask(rows.find, account, name)

    async def page(self, account: str, after: str | None, limit: int, ascending: bool) -> list[Film]:
        """Some films of the account in their order. Raises not_found if `after` is none of them."""
        return await self._ask(rows.page, account, after, limit, ascending)

    async def delete(self, account: str, name: str) -> Film:
        """Forget a film, which ends its job if it runs. Raises not_found."""
        film = await self._ask(rows.find, account, name)
        await self._run(rows.remove, account, name)
        if running := self._running.pop(name, None):
            running.answers.cancel()
        return film

    async def close(self) -> None:
        """Write down the films that have just ended, and stop watching: those that run are found at the next start."""
        tasks = list(self._tasks.items())
        ended = [task for name, task in tasks if name not in self._running or not self._running[name].answers.open]
        if ended:
            await asyncio.wait(ended, timeout=CLOSE_S)
        for _, task in tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)

    async def _watch(self, running: Running) -> None:
        name, (artefact, error) = running.film.name, await self._ended(running)
        try:
            await self._store.run(rows.end, name, now_ms(), artefact=artefact, error=error)
        except StoreError as lost:  # the next start finds it without an end
            log.error("the end of the film %s could not be written: %s", name, lost)
        self._running.pop(name, None)
        running.answers.cancel()  # all of it has been taken

    async def _ended(self, running: Running) -> tuple[str | None, tuple[str, str] | None]:
        """Wait for the end of its one job. Returns the id of what was made, or the error of one that failed; neither of
        one that was deleted."""
        artefact, clock = None, asyncio.get_running_loop().time
        looked_at = clock()
        while True:
            events = await running.answers.take(LOOK_S)
            if not events and not running.answers.open:
                return None, None
            for _, event in events:
                match event:
                    case Progressed():
                        running.percent = max(running.percent, event.percent)
                    case Made():
                        artefact = event.artefact.id
                    case Finished():
                        return artefact, None
                    case Failed():
                        return None, (event.error.code.value, event.error.message)
                    case Deliver():
                        pass  # of chats
                    case _:
                        assert_never(event)
            if clock() - looked_at >= LOOK_S:
                looked_at = clock()
                await self._check(running)

    async def _check(self, running: Running) -> None:
        """End the job of a film that was deleted at another replica."""
        film = running.film
        try:
            await self._store.run(rows.find, film.account, film.name)
        except NotFound:
            self._running.pop(film.name, None)
            running.answers.cancel()
        except StoreError:
            pass  # it is looked at again

    async def _run(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await _worded(self._store.run(work, *args, **kwargs))

    async def _ask(self, work: Callable[Concatenate[Database, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """For who only reads, and does not wait for a database that stands still."""
        return await _worded(self._store.ask(work, *args, **kwargs))


async def _worded(work: Awaitable[T]) -> T:
    """The result of work on the database. Raises not_found, or overloaded: its own words are for the log."""
    try:
        return await work
    except NotFound as error:
        raise SupernetError(ErrorCode.NOT_FOUND, str(error)) from None
    except StoreError as error:
        log.error("films: %s", error)
        message = "Films cannot be looked up at the moment: try again in a few seconds."
        raise SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S) from None
