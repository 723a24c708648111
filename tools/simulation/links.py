"""Sockets. A connection is a TCP stream: while it lives no frame is lost or overtaken, its end loses what is under way.

Either side may learn of the end much later than the other (half-open). The outboxes are the real ones, so that what
may overtake what is as it is in the processes, and every frame is text on the way.
"""

import random
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Protocol

from pydantic import BaseModel

from coordinator.dispatch.effects import SendFiles, StopFiles
from coordinator.hub import buffers
from tools.simulation.timeline import Timeline
from wire import codec
from wire.messages import Hello, ToWorker
from worker.daemon import outbox

if TYPE_CHECKING:
    from tools.simulation.coordinator import Coordinator
    from tools.simulation.workers import Process

ABORT_S = 0.5  # until the other side has learned of an end, where nothing hides it
LARGE = 3000  # characters; of the frames of these worlds only files have more
SPIKE = 0.02  # chance that a frame takes much longer


class Box(Protocol):
    def get(self) -> Coroutine[None, None, str | buffers.Close]: ...


class Stream:
    """One direction. `arrived` takes every frame; `sent_close` is called when the sender's close is on its way."""

    def __init__(
        self,
        timeline: Timeline,
        latency: Callable[[], float],
        box: Box,
        arrived: Callable[[str | buffers.Close], None],
        sent_close: Callable[[], None] = lambda: None,
        has_files: Callable[[], bool] = lambda: False,
        takes_s: Callable[[str], float] = lambda frame: 0.0,
    ) -> None:
        self._timeline = timeline
        self._latency = latency
        self._box = box
        self._arrived = arrived
        self._sent_close = sent_close
        self._has_files = has_files
        self._takes_s = takes_s  # seconds in which the line carries a frame and nothing else
        self._busy_until = 0.0
        self._waiting = 0
        self._clogged_until = 0.0
        self._last_arrival = 0.0
        self.dead = False

    def put(self) -> None:
        """One more frame is in the outbox."""
        self._waiting += 1
        self._pump()

    def wake(self) -> None:
        """There may be files in the outbox."""
        self._pump()

    def clog(self, seconds: float) -> None:
        """Nothing leaves for a while; the outbox fills."""
        self._clogged_until = self._timeline.now + seconds
        self._timeline.after(seconds, self._pump)

    def _pump(self) -> None:
        while not self.dead and self._is_open() and (self._waiting or self._has_files()):
            self._waiting = max(0, self._waiting - 1)
            frame = _taken(self._box)
            if isinstance(frame, str) and (takes_s := self._takes_s(frame)):
                self._busy_until = self._timeline.now + takes_s
                self._timeline.at(self._busy_until, self._pump)
            self._last_arrival = max(self._last_arrival, max(self._timeline.now, self._busy_until) + self._latency())
            self._timeline.at(self._last_arrival, partial(self._arrive, frame))
            if isinstance(frame, buffers.Close):
                self._sent_close()

    def _is_open(self) -> bool:
        return self._timeline.now >= max(self._clogged_until, self._busy_until)

    def _arrive(self, frame: str | buffers.Close) -> None:
        if not self.dead:
            self._arrived(frame)

    def die(self) -> None:
        """What is on the way is lost."""
        self.dead = True

    def end(self, last: Callable[[], None]) -> None:
        """Nothing more is sent; what is on the way arrives, then `last` happens."""
        self._waiting, self._clogged_until = 0, float("inf")
        self._last_arrival = max(self._last_arrival, self._timeline.now + self._latency())
        self._timeline.at(self._last_arrival, lambda: None if self.dead else last())


def _taken(box: Box) -> str | buffers.Close:
    """The outbox is not empty, so its get() returns without waiting."""
    try:
        box.get().send(None)
    except StopIteration as got:
        frame: str | buffers.Close = got.value
        return frame
    raise AssertionError("an outbox with frames in it waits")


class Connection:
    """One socket between a worker process and a coordinator, from the handshake until both know that it has ended."""

    def __init__(self, process: "Process", coordinator: "Coordinator", session: str) -> None:
        self.process, self.coordinator, self.session = process, coordinator, session
        world = process.world
        self._timeline, self._dice = world.timeline, world.dice
        self._note = world.history.note
        self._base_s = world.scenario.latency_s
        self._to_coordinator, self._to_worker = outbox.Outbox(), buffers.Outbox()
        self.up = Stream(self._timeline, self._latency, self._to_coordinator, self._up)
        self.down = Stream(
            self._timeline,
            self._latency,
            self._to_worker,
            self._down,
            self._closed_by_coordinator,
            lambda: self.has_files,
            self._takes_s,
        )
        self.worker_open = self.coordinator_open = True
        self.joined = False

    @property
    def has_files(self) -> bool:
        return self._to_worker.has_files

    def _takes_s(self, frame: str) -> float:
        """Files alone are so large that their way takes time; other frames overtake them."""
        pictures = self.process.world.pictures
        if pictures is None or len(frame) < LARGE:
            return 0.0
        if self.coordinator_open and not self.coordinator.wanted(self.session, frame):
            self._note("sent for nobody", self.session)
        return len(frame) / pictures.line_bytes_per_s

    def _latency(self) -> float:
        spike = 20.0 if self._dice.random() < SPIKE else 1.0
        return self._base_s * self._dice.uniform(0.5, 1.5) * spike

    # ---- frames --------------------------------------------------------------------------------------------------

    def send_up(self, message: BaseModel) -> None:
        assert self._to_coordinator.put(message), "a worker's outbox is over its bound"
        self.up.put()

    def send_down(self, message: ToWorker) -> None:
        assert self._to_worker.put(message), "a coordinator's outbox is over its bound"
        self.down.put()

    def files(self, effect: SendFiles | StopFiles) -> None:
        if isinstance(effect, SendFiles):
            self._to_worker.send_files(effect.job, effect.attempt, effect.files)
            self.down.wake()
        else:
            self._to_worker.stop_files(effect.job, effect.attempt)

    def _up(self, frame: str | buffers.Close) -> None:
        if not self.coordinator_open or isinstance(frame, buffers.Close):
            return
        self._note("up", self.session, frame)
        message = codec.to_coordinator(frame)
        if not self.joined:
            assert isinstance(message, Hello), "the first frame is a hello"
            self.joined = True
            self.coordinator.do(partial(self.coordinator.join, message, self))
        else:
            self.coordinator.do(partial(self.coordinator.received, self.session, message))

    def _down(self, frame: str | buffers.Close) -> None:
        if not self.worker_open:
            return
        if isinstance(frame, buffers.Close):
            self._worker_learns()
            return
        self._note("down", self.session, frame if len(frame) < LARGE else f"{frame[:150]} ({len(frame)} characters)")
        message = codec.to_worker(frame)
        self.process.do(lambda: self.process.received(self, message))

    # ---- ends ----------------------------------------------------------------------------------------------------

    def cut(self, worker_s: float, coordinator_s: float) -> None:
        """The line is dead, each direction a little earlier or later; each side learns of it after its seconds."""
        self._note("cut", self.session)
        for stream in (self.up, self.down):
            self._timeline.after(self._dice.uniform(0, 2 * self._base_s), stream.die)
        late = 2 * self._base_s
        self._timeline.after(late + worker_s, self._worker_learns)
        self._timeline.after(late + coordinator_s, lambda: self._coordinator_learns(True))

    def close_worker(self, code: int, reason: str) -> None:
        """By the coordinator, after what it sent before."""
        self._to_worker.close(code, reason)
        self.down.put()
        if self.down.dead:  # the close cannot be written: its time limit ends the socket
            self._timeline.after(ABORT_S, lambda: self._coordinator_learns(True))

    def close_coordinator(self) -> None:
        """By a worker that leaves in order: a farewell, after what is on the way."""
        self.worker_open = False
        self.up.end(lambda: self._coordinator_learns(False))

    def give_up(self) -> None:
        """By a worker that nobody answers at the other end."""
        self._worker_learns()
        self.down.die()
        self.up.end(lambda: self._coordinator_learns(True))

    def drop(self) -> None:
        """One side's process is gone and its kernel says so: what was written still arrives, then the end."""
        self.up.end(lambda: self._coordinator_learns(True))
        self.down.end(self._worker_learns)

    def _closed_by_coordinator(self) -> None:
        self._timeline.after(0, lambda: self._coordinator_learns(True))

    def _worker_learns(self) -> None:
        if self.worker_open:
            self.worker_open = False
            self.process.do(lambda: self.process.lost(self))

    def _coordinator_learns(self, resumable: bool) -> None:
        if self.coordinator_open:
            self.coordinator_open = False
            if self.joined:
                self.coordinator.do(partial(self.coordinator.left, self.session, resumable))


def late(dice: random.Random, most_s: float) -> float:
    """How long a side goes on believing in a dead line: mostly not at all."""
    return dice.uniform(0, most_s) if dice.random() < 0.4 else dice.uniform(0, ABORT_S)
