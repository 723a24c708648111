"""What a replica sends and what comes: messages on lanes and to all, questions and their answers, and in between the
effects of dispatch, in the order in which things happened."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from coordinator.cluster.lanes.lanes import Lanes
from coordinator.cluster.protocol.codec import decode, encode
from coordinator.cluster.protocol.effects import Ask, BusEffect, Flush, Publish, Reply
from coordinator.cluster.protocol.envelope import Envelope, pack, unpack
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import (
    Accepted,
    Counted,
    EventItem,
    Events,
    Message,
    Release,
    Still,
    Taken,
    Waits,
)
from coordinator.cluster.protocol.news import Ping
from coordinator.cluster.protocol.unreadable import Unreadable
from coordinator.dispatch.effects import Effect, Progressed
from wire.messages import Delta

# Events wait for the flush as they are, and are encoded together: of a message with one token, most of what its two
# ends pay is for the message. One that cannot be read takes no more than this along.
TOGETHER, TOGETHER_BYTES = 256, 64 * 1024
MOST_ASKS = 4096  # questions that have no answer yet: of one more the answer is that there is none

# What can wait a moment: events that only say how far a job is, and what edge and cell keep of it.
_STEPS = Accepted, Progressed
_BOOKKEEPING = Taken, Counted, Release, Waits, Still

Then = Callable[[tuple[Message, ...], float], None]  # what an answer is for; an empty one: there was none


@dataclass(frozen=True)
class Letter:
    """What came in one envelope. `lost`: something on the lane was, in one direction or the other."""

    sender: ReplicaId
    messages: tuple[Message, ...]
    lost: bool = False


class Post:
    """Everything that goes out of replica `me`, until it is collected."""

    def __init__(self, me: ReplicaId) -> None:
        self.me = me
        self.lanes = Lanes(me)
        self.unreadable = 0
        self._out: list[Effect | BusEffect] = []
        self._events: dict[ReplicaId, list[EventItem]] = {}  # that go behind what is on the lane
        self._asked: dict[int, Then] = {}
        self._number = 0
        self._told: Flush | None = None  # that something waits on the lanes
        self._can_wait = True  # all of that

    # ---- out -----------------------------------------------------------------------------------------------------

    def emit(self, effects: Iterable[Effect | BusEffect]) -> None:
        """Have these done."""
        self._out += effects

    def tell(self, to: ReplicaId, message: Message) -> bool:
        """Put a message on the lane to a replica. False: it is too long."""
        self._can_wait = self._can_wait and _can_wait(message)
        if isinstance(message, Events):
            self._events.setdefault(to, []).extend(message.items)
            return True
        self._send_events(to)
        return self.lanes.send(to, encode(message))

    def _send_events(self, to: ReplicaId) -> None:
        items = self._events.pop(to, ())
        for at in range(0, len(items), TOGETHER):
            for message in _encoded(items[at : at + TOGETHER]):
                self.lanes.send(to, message)

    def tell_all(self, messages: Iterable[Message]) -> None:
        """Tell every other replica, now."""
        encoded = tuple(map(encode, messages))
        if encoded:
            self._out.append(Publish(None, self._pack(encoded)))

    def ask(self, to: ReplicaId | None, question: Message, within_s: float, then: Then, now: float) -> None:
        """Ask a replica, or any other one. `then` is called with the answer, or with nothing.

        Too many at a time are answered by nothing at once, but for a Ping: workers of a stranger that claim jobs of
        many edges must not have a replica that lives taken for dead.
        """
        urgent = isinstance(question, Ping)
        if len(self._asked) >= MOST_ASKS and not urgent:
            then((), now)
            return
        self._number += 1
        self._asked[self._number] = then
        self._out.append(Ask(to, self._number, self._pack((encode(question),)), within_s, urgent))

    def reply(self, ask: int, messages: Iterable[Message]) -> None:
        """Answer a question."""
        self._out.append(Reply(ask, self._pack(map(encode, messages))))

    def flush(self, now: float) -> None:
        """Send what waits on the lanes."""
        self._told, self._can_wait = None, True
        for to in list(self._events):
            self._send_events(to)
        self._out += self.lanes.flush(now)

    def collect(self) -> list[Effect | BusEffect]:
        """All that is to be done, in order."""
        if (self._events or self.lanes.filled) and (self._told is None or (self._told.can_wait and not self._can_wait)):
            self._told = Flush(self._can_wait)
            self._out.append(self._told)
        out, self._out = self._out, []
        return out

    def gone(self, peer: ReplicaId) -> None:
        """Nobody is there any more."""
        self._events.pop(peer, None)
        self.lanes.gone(peer)

    # ---- in ------------------------------------------------------------------------------------------------------

    def read(self, data: bytes) -> Letter | None:
        """What a publication or a question brings; None: nothing that is understood here."""
        envelope = unpack(data)
        if envelope is None:
            self.unreadable += 1
            return None
        taken = self.lanes.received(envelope)
        return Letter(envelope.sender, self._decoded(taken.messages), taken.lost)

    def answered(self, ask: int, data: bytes | None, now: float) -> ReplicaId | None:
        """The answer to a question, or None where there is none. Returns who gave it."""
        then = self._asked.pop(ask, None)
        envelope = None if data is None else unpack(data)
        if then is not None:
            then(() if envelope is None else self._decoded(envelope.messages), now)
        return None if envelope is None else envelope.sender

    def _decoded(self, messages: Iterable[bytes]) -> tuple[Message, ...]:
        """Those that are understood: a later version may say more than we know of."""
        found = list[Message]()
        for message in messages:
            try:
                found.append(decode(message))
            except Unreadable:
                self.unreadable += 1
        return tuple(found)

    def _pack(self, messages: Iterable[bytes]) -> bytes:
        return pack(Envelope(self.me, tuple(messages)))


def _encoded(items: Sequence[EventItem]) -> Iterator[bytes]:
    """In messages of about TOGETHER_BYTES at most, and a longer event alone. At least halved each time: beside one long
    event, all others would else be encoded anew for every few that are split off."""
    message = encode(Events(tuple(items)))
    if len(message) <= TOGETHER_BYTES or len(items) == 1:
        yield message
        return
    some = max(1, min(len(items) // 2, len(items) * TOGETHER_BYTES // len(message)))
    for at in range(0, len(items), some):
        yield from _encoded(items[at : at + some])


def _can_wait(message: Message) -> bool:
    """Whether a moment later will do: no client waits for it. First tokens and ends go at once, and so does who was
    given a job: should its cell die with that word, a request that kills engines may kill one more (seed 1506)."""
    if isinstance(message, Events):
        return all((isinstance(event, Delta) and event.seq) or isinstance(event, _STEPS) for *_, event in message.items)
    return isinstance(message, _BOOKKEEPING)
