"""One client's request as the client sees it, beside the jobs that dispatch makes of it, one for each choice."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from coordinator.dispatch.effects import Deliver
from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub.buffers import AnswerEvent, Inbox
from coordinator.scheduler.state import JobSpec
from wire.errors import SupernetError


class JobControl(Protocol):
    """What a client's request may ask of the hub."""

    requests: set[object]

    def now(self) -> float: ...

    def acknowledged(self, delivered: Deliver) -> None: ...

    def queue_position(self, job: str) -> QueuePosition | None: ...

    def cancel(self, job: str) -> None: ...


class Answers:
    """The events of all jobs of one request, in order, until each has ended.

    The client's side waits with `settle` and `take`, and calls `cancel` when the client leaves; the hub's side calls
    `put`, `accept` and `end`.
    """

    def __init__(self, hub: JobControl, jobs: Sequence[JobSpec]) -> None:
        self._hub = hub
        self._inbox = Inbox(hub.now(), len(jobs))
        self.jobs = [job.id for job in jobs]
        self._choices = {job.id: choice for choice, job in enumerate(jobs)}
        self.undecided = set(self.jobs)  # no worker has accepted them yet, and they have not ended
        self.open = set(self.jobs)
        self.decided = asyncio.Event()
        # Done once the client does not read: stop writing to it.
        self.cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._taken: dict[str, Deliver] = {}  # the last of each job that the client has in its hands

    # ---- for the client ------------------------------------------------------------------------------------------

    async def settle(self, within_s: float) -> None:
        """Wait until a worker has accepted each job or it has ended, so that errors still have an HTTP status."""
        try:
            async with asyncio.timeout(within_s):
                await self.decided.wait()
        except TimeoutError:
            pass

    async def take(self, timeout_s: float) -> list[tuple[int, AnswerEvent]]:
        """The next events as (choice, event); none after `timeout_s`. Calling says: what was taken before is sent."""
        for delivered in self._taken.values():
            self._hub.acknowledged(delivered)
        self._taken.clear()
        events = await self._inbox.take(timeout_s, self._hub.now())
        for _, event in events:
            if isinstance(event, Deliver):
                self._taken[event.job] = event
        return events

    @property
    def waits(self) -> bool:
        """Whether one of its jobs has not been accepted by a worker yet, and has not ended."""
        return bool(self.undecided)

    def early_error(self) -> SupernetError | None:
        """The error of a job that failed before the client was given anything of it; None if there is none."""
        return self._inbox.first_error()

    def queue_position(self) -> QueuePosition | None:
        """The place in the queue of the request's last waiting job; None if none waits."""
        return max((position for job in self.jobs if (position := self._hub.queue_position(job))), default=None)

    def cancel(self) -> None:
        """The client has left, or has all of it. Jobs that have ended are not touched."""
        for job in list(self.open):
            self._hub.cancel(job)
        self._hub.requests.discard(self)

    # ---- for the hub ---------------------------------------------------------------------------------------------

    def accept(self, job: str) -> None:
        """A worker gives the job's answer, or the job has ended."""
        self.undecided.discard(job)
        if not self.undecided:
            self.decided.set()

    def put(self, event: AnswerEvent) -> bool:
        """An event for the client. False when so much waits that the client cannot be reading."""
        return self._inbox.put(self._choices[event.job], event, self._hub.now())

    def end(self, job: str) -> None:
        """Note that the job has ended: nothing more comes of it."""
        self.open.discard(job)
        self.accept(job)

    def unread_since(self) -> float | None:
        """Since when the client could have read and did not; None if it has read everything."""
        return self._inbox.waiting_since()

    def cut_off(self) -> None:
        """The client does not read: stop writing to it, and cancel its jobs."""
        if not self.cut.done():  # of several choices each may say so
            self.cut.set_result(None)
        self.cancel()
