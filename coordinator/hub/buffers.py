"""The two bounded buffers between dispatch and the sockets: frames for a worker, answers for a client."""

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from coordinator.dispatch.claims import size_bytes
from coordinator.dispatch.effects import Deliver, Failed, File, Finished, Made, Progressed
from coordinator.hub.blob_lane import BlobLane
from wire import messages as wire
from wire import scalars
from wire.codec import encode
from wire.errors import SupernetError

OUTBOX_BYTES = 32 * 1024 * 1024  # four of the largest Starts; more unsent means that the line is dead
UNREAD_BYTES = 256 * 1024  # of each choice: more than that, and the client has not read for UNREAD_S
UNREAD_S = 1.0  # what a worker says all at once is no fault of the client, however much it is
INBOX_BYTES = 2 * 1024 * 1024  # of each choice: more than workers are believed in two of their windows
INBOX_TOKENS = 2048


@dataclass(frozen=True)
class Close:
    """The end of an outbox: close the socket with this."""

    code: int
    reason: str


class Outbox:
    """Frames that wait for a worker's socket. Small ones overtake Starts, but nothing overtakes its own Start; files
    come last, and all else overtakes between two pieces of them."""

    def __init__(self) -> None:
        self._urgent: deque[str] = deque()
        self._bulk: deque[str] = deque()
        self._starting: set[tuple[str, int]] = set()  # attempts whose Start is still in here
        self._files = BlobLane()
        self._bytes = 0
        self._close: Close | None = None
        self._news = asyncio.Event()

    def put(self, message: wire.ToWorker) -> bool:
        """Queue a frame. False when the bound is reached: the socket should be given up."""
        if self._close is not None:
            return True  # nobody reads any more: whatever it was, the end of the socket settles it
        frame = encode(message)
        if isinstance(message, wire.Start):
            self._starting.add((message.job, message.attempt))
            self._bulk.append(frame)
        elif isinstance(message, wire.Cancel) and (message.job, message.attempt) in self._starting:
            self._bulk.append(frame)
        elif isinstance(message, wire.Welcome | wire.Ack | wire.Cancel):
            # Welcome is put first, so nothing overtakes it here
            self._urgent.append(frame)
        else:  # an Error or a Move may wait behind a Start
            self._bulk.append(frame)
        self._bytes += scalars.size_bytes(frame)
        self._news.set()
        return self._bytes <= OUTBOX_BYTES

    def send_files(self, job: str, attempt: int, files: Iterable[File]) -> None:
        """Send the files in pieces whenever nothing else waits."""
        if self._close is None:
            self._files.add((job, attempt), files)
            self._news.set()

    def stop_files(self, job: str, attempt: int) -> None:
        """Send no more of an attempt's files."""
        self._files.drop((job, attempt))

    @property
    def has_files(self) -> bool:
        """Whether pieces of files wait to be sent."""
        return bool(self._files)

    def forget_files(self) -> None:
        """The socket is as good as gone: its worker asks again on the next one."""
        self._files.clear()

    def close(self, code: int, reason: str) -> None:
        """Close the socket once everything that was put before has been sent, but for files."""
        self._files.clear()
        if self._close is None:
            self._close = Close(code, reason)
            self._news.set()

    async def get(self) -> str | Close:
        """Wait for the next frame and take it; urgent ones first. Close, once the outbox was closed and is empty."""
        while not self._urgent and not self._bulk:
            if self._files:
                return self._files.next_piece()
            if self._close is not None:
                return self._close
            self._starting.clear()
            self._news.clear()
            await self._news.wait()
        frame = (self._urgent or self._bulk).popleft()
        if not self._bulk:
            self._starting.clear()
        self._bytes -= scalars.size_bytes(frame)
        return frame


AnswerEvent = Deliver | Progressed | Made | Finished | Failed


class Inbox:
    """What waits for the client of one request (all its choices): (choice, event) in order."""

    def __init__(self, now: float, choices: int = 1) -> None:
        self._choices = choices
        self._events: deque[tuple[int, AnswerEvent]] = deque()
        self._bytes = self._tokens = 0
        self._news = asyncio.Event()
        self.taken_at = now  # when the client last took something, or had nothing to take
        self._handed = False  # it has not come back for more since: it is being written to

    def put(self, choice: int, event: AnswerEvent, now: float) -> bool:
        """Queue an event for the client; False if the client has left too much unread, and is to be cut off."""
        if not self._events and not self._handed:
            self.taken_at = now
        if isinstance(event, Progressed):
            event = self._newest(choice, event)
        self._events.append((choice, event))
        if isinstance(event, Deliver):
            self._bytes += size_bytes(event.delta)
            self._tokens += len(event.delta.tokens)
        self._news.set()
        most = INBOX_BYTES if now - self.taken_at <= UNREAD_S else UNREAD_BYTES
        return self._bytes <= most * self._choices and self._tokens <= INBOX_TOKENS * self._choices

    def _newest(self, choice: int, event: Progressed) -> Progressed:
        """What is told of a job's progress in place of all that waits to be: only the newest counts, and the last
        preview."""
        for place, (of, before) in enumerate(self._events):
            if of == choice and isinstance(before, Progressed):
                del self._events[place]
                return event if event.preview else replace(event, preview=before.preview)
        return event

    def waiting_since(self) -> float | None:
        """Since when the client could have read and did not; None if it has read everything.

        What it was handed counts too: a job that is paused for it brings nothing new, and would be paused for ever.
        """
        return self.taken_at if self._events or self._handed else None

    def first_error(self) -> SupernetError | None:
        """The first failure, unless something is there to be given beside it."""
        if any(isinstance(event, Made) for _, event in self._events):
            return None
        return next((event.error for _, event in self._events if isinstance(event, Failed)), None)

    async def take(self, timeout_s: float, now: float) -> list[tuple[int, AnswerEvent]]:
        """Wait for events and return all of them; an empty list after `timeout_s` seconds without one.

        `now` is the time of the call.
        """
        self.taken_at, self._handed = now, False
        if not self._events:
            self._news.clear()
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return []
        events, self._events = list(self._events), deque()
        self._bytes = self._tokens = 0
        self._handed = True
        return events
