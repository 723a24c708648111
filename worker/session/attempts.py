"""The attempts of this worker, of every kind: their leases on slots, their ends, and what a reattach sends again.

While the line is down attempts go on, and their frames wait in each one's replay buffer.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel

from wire import messages as wire
from wire.errors import SupernetError
from worker.session.attempt import Attempt, Task, refused
from worker.session.effects import Effect, Send
from worker.session.line import Line
from worker.session.slots import JobKey, Slots

REPLAY_FRAMES = 256  # deltas of one replay frame: keeps it far below the codec's limit

T = TypeVar("T", bound=Task)


class Attempts:
    """From Start on an attempt is here and holds a slot; it leaves when its end is acknowledged.

    `slots`: of the model of that name; `capacity` makes the frame that says which slots are free.
    """

    def __init__(self, line: Line, slots: Callable[[str], Slots], capacity: Callable[[], wire.Capacity]) -> None:
        self._line = line
        self._slots = slots
        self._capacity = capacity
        self.by_key: dict[JobKey, Attempt[Any]] = {}

    def of(self, key: JobKey, kind: type[T]) -> Attempt[T] | None:
        """Return the attempt if it is here and its task is of this kind."""
        attempt = self.by_key.get(key)
        return attempt if attempt is not None and isinstance(attempt.task, kind) else None

    def all_of(self, kind: type[T]) -> list[Attempt[T]]:
        return [attempt for attempt in self.by_key.values() if isinstance(attempt.task, kind)]

    def begin(self, key: JobKey, model: str, task: T) -> Attempt[T]:
        """Lease a slot, which is free, for a new attempt."""
        self._slots(model).lease(key)
        attempt = self.by_key[key] = Attempt(key, model, task)
        return attempt

    def drop(self, attempt: Attempt[Any]) -> None:
        """Forget an attempt that was not accepted."""
        del self.by_key[attempt.key]
        self._slots(attempt.model).release(attempt.key)

    def refuse(self, attempt: Attempt[Any], error: SupernetError) -> list[Effect]:
        """Refuse an attempt that was not accepted."""
        self.drop(attempt)
        return self._line.send(refused(attempt.key, error.code, error.message, error.param))

    def end(self, attempt: Attempt[Any], frame: wire.Done | wire.Failed | wire.Cancelled) -> list[Effect]:
        """Send the attempt's end; the slot is free."""
        attempt.end(frame)
        self._slots(attempt.model).release(attempt.key)
        if not attempt.abandoned:
            return self._line.send(frame)
        # nobody is told of its end, but of the free slot, at once
        del self.by_key[attempt.key]
        return self._line.send(self._capacity())

    def acknowledge(self, item: wire.AckItem) -> None:
        """Forget the frames that have arrived, and an attempt whose end is among them."""
        attempt = self.by_key.get(JobKey(item.job, item.attempt))
        if attempt is not None:
            attempt.acknowledge(item.next_seq)
            if attempt.ended and not attempt.unacked:
                del self.by_key[attempt.key]

    def resumable(self) -> list[Attempt[Any]]:
        """Return the attempts that a reattach can go on with: accepted, or ended and not acknowledged."""
        return [a for a in self.by_key.values() if not a.abandoned and (a.task.begun or a.unacked)]

    def replay(self, attempt: Attempt[Any], next_seq: int) -> list[Effect]:
        """Send what has not arrived. What has is kept all the same: the client may not have taken it, and only Acks
        open the window."""
        missing = [frame for frame in attempt.unacked if frame.seq >= next_seq]
        deltas = [frame for frame in missing if isinstance(frame, wire.Delta)]
        chunks = [deltas[i : i + REPLAY_FRAMES] for i in range(0, len(deltas), REPLAY_FRAMES)]
        frames: list[BaseModel] = [wire.Deltas(items=tuple(chunk)) for chunk in chunks]
        frames += [frame for frame in missing if not isinstance(frame, wire.Delta)]  # at most its end, the last
        return [Send(frame) for frame in frames]

    def abandon(self, attempt: Attempt[Any]) -> bool:
        """Say no more of an attempt that nobody waits for. True: it is over and gone; False: it has to be cancelled,
        and holds its slot until it is."""
        attempt.abandoned = True
        attempt.unacked.clear()
        attempt.unacked_tokens = 0
        if attempt.ended:
            del self.by_key[attempt.key]
        return attempt.ended
