"""The lanes to the other replicas: numbered, in batches, and nothing lost on them unnoticed.

The bus delivers at most once. Each pair of replicas has a lane in either direction, and what goes on it is numbered: of
what comes late or again nothing is taken, and what is missing is seen by the next that comes. It is not sent again from
here. Both sides are told to say what they have of each other's jobs (`Resync`), and who keeps what is wanted sends it.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from coordinator.cluster.protocol.effects import Publish
from coordinator.cluster.protocol.envelope import PIECE_BYTES, Envelope, pack
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import MAX_MESSAGE_BYTES

BATCH_BYTES = 64 * 1024
UNSEEN_BYTES = 64 * 1024 * 1024  # that a replica has not seen; what is more than that is as good as lost
ANSWER_S = 0.2  # what was not answered for so long is asked for, and what is to be answered is
MOST_LANES = 1024  # of replicas that have gone, the longest silent is forgotten


@dataclass(frozen=True)
class Taken:
    """What an envelope brought. `lost`: something was missing on the way, here or there, so each is to say what it has
    of the other's."""

    messages: tuple[bytes, ...] = ()
    lost: bool = False


@dataclass
class _Lane:
    """Both directions between this replica and one other."""

    waiting: list[bytes] = field(default_factory=list)  # for the next flush
    next: int = 0  # number of the next that goes
    unseen: deque[tuple[int, int]] = field(default_factory=deque)  # (number, bytes) of what the other has not seen
    unseen_bytes: int = 0
    sent_at: float = 0.0
    lost_there: int = 0  # by its last word
    seen: int = 0  # number of the next that comes
    pieces: list[bytes] = field(default_factory=list)  # of a long message that has not come whole
    lost: int = 0
    answer: bool = False  # it is to hear what was seen

    def has_seen(self, seen: int) -> None:
        while self.unseen and self.unseen[0][0] < seen:
            self.unseen_bytes -= self.unseen.popleft()[1]


class Lanes:
    """The lanes of one replica, `me`. `gaps` and `choked` count: what was missing, and what was not sent as the other
    side saw nothing of so much."""

    def __init__(self, me: ReplicaId) -> None:
        self._me = me
        self._lanes: dict[ReplicaId, _Lane] = {}
        self._filled: dict[ReplicaId, _Lane] = {}  # those with something to flush
        self.gaps = 0
        self.choked = 0

    def send(self, to: ReplicaId, message: bytes) -> bool:
        """Put a message on the lane: it goes with the next flush. False: it is too long ever to go."""
        if len(message) > MAX_MESSAGE_BYTES:
            return False
        lane = self._filled[to] = self._lane(to)
        lane.waiting.append(message)
        return True

    def flush(self, now: float) -> list[Publish]:
        """Everything that was put on the lanes, in as few publications as may be."""
        sent: list[Publish] = []
        for to, lane in self._filled.items():
            for messages, piece, of in _batches(lane.waiting):
                size = sum(map(len, messages))
                number, lane.next = lane.next, lane.next + 1
                if lane.unseen_bytes + size > UNSEEN_BYTES:
                    self.choked += 1
                    continue
                lane.unseen.append((number, size))
                lane.unseen_bytes += size
                sent.append(self._publish(to, lane, number, messages, now, piece=piece, of=of))
            lane.waiting = []
        self._filled.clear()
        return sent

    def received(self, envelope: Envelope) -> Taken:
        """An envelope came from its sender: on its lane, or beside it."""
        if envelope.number is None:
            return Taken(envelope.messages)
        lane = self._lane(envelope.sender)
        lane.has_seen(envelope.seen)
        lost = envelope.lost > lane.lost_there
        lane.lost_there = max(lane.lost_there, envelope.lost)
        if envelope.number < lane.seen:
            return Taken(lost=lost)
        if envelope.number > lane.seen:
            self.gaps += 1
            lane.lost += 1
            lane.pieces.clear()
            lane.answer = lost = True
        lane.seen = envelope.number + bool(envelope.messages)
        lane.answer = lane.answer or envelope.answer or bool(envelope.messages)
        if envelope.of == 1:
            return Taken(envelope.messages, lost)
        if envelope.piece != len(lane.pieces):  # its beginning was lost
            return Taken(lost=lost)
        lane.pieces.append(b"".join(envelope.messages))
        if len(lane.pieces) < envelope.of:
            return Taken(lost=lost)
        whole, lane.pieces = b"".join(lane.pieces), []
        return Taken((whole,), lost)

    @property
    def filled(self) -> bool:
        """Whether something waits for a flush."""
        return bool(self._filled)

    def tick(self, now: float) -> list[Publish]:
        """Say what was seen, where nothing went anyway; ask for that of whoever has not said it. The last of what was
        sent may be lost too, and nothing that comes would tell."""
        sent: list[Publish] = []
        for to, lane in self._lanes.items():
            if now - lane.sent_at >= ANSWER_S and (lane.answer or lane.unseen):
                sent.append(self._publish(to, lane, lane.next, (), now, answer=bool(lane.unseen)))
        return sent

    def gone(self, peer: ReplicaId) -> None:
        """Nobody is there any more: nothing is to be answered or asked. The numbers stand, should it not be so."""
        lane = self._lanes.get(peer)
        if lane is not None:
            lane.waiting, lane.pieces, lane.answer = [], [], False
            lane.unseen.clear()
            lane.unseen_bytes = 0
            self._filled.pop(peer, None)

    def _lane(self, peer: ReplicaId) -> _Lane:
        lane = self._lanes.get(peer)
        if lane is None:
            if len(self._lanes) >= MOST_LANES:
                longest = min(self._lanes, key=lambda other: self._lanes[other].sent_at)
                self.gone(longest)
                del self._lanes[longest]
            lane = self._lanes[peer] = _Lane()
        return lane

    def _publish(
        self,
        to: ReplicaId,
        lane: _Lane,
        number: int,
        messages: tuple[bytes, ...],
        now: float,
        *,
        answer: bool = False,
        piece: int = 0,
        of: int = 1,
    ) -> Publish:
        lane.sent_at, lane.answer = now, False
        return Publish(to, pack(Envelope(self._me, messages, number, lane.seen, lane.lost, answer, piece, of)))


def _batches(waiting: list[bytes]) -> Iterator[tuple[tuple[bytes, ...], int, int]]:
    """(messages, piece, of): as many together as make a batch; a long one alone, and a very long one in pieces."""
    batch, size = list[bytes](), 0
    for message in waiting:
        if batch and size + len(message) > BATCH_BYTES:
            yield tuple(batch), 0, 1
            batch, size = [], 0
        if len(message) <= PIECE_BYTES:
            batch.append(message)
            size += len(message)
            continue
        of = -(-len(message) // PIECE_BYTES)
        for piece in range(of):
            yield (message[piece * PIECE_BYTES : (piece + 1) * PIECE_BYTES],), piece, of
    if batch:
        yield tuple(batch), 0, 1
