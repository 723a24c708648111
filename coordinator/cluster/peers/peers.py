"""Which other replicas are there: by what is heard of them, and where it has become quiet by asking.

Who is silent for DEAD_S is dead, and so is one that two pings did not reach, of those whom somebody waits for. The bus
says at once that nobody is there; who is there and slow has PING_S to answer, and so is not taken for dead. But where
nothing is heard of anybody, not even what a replica sends to itself, it is the bus that is dark, and nobody is given up
for it before DARK_MOST_S.
"""

from collections.abc import Container
from dataclasses import dataclass

from coordinator.cluster.protocol.ids import ReplicaId

SUSPECT_S = 0.5  # of silence: whoever is waited for is asked
ASK_S = 1.5  # and whoever is not
DEAD_S = 3.0
PING_S = 0.75
PINGS = 2
ECHO_S = 0.2  # for a ping to oneself
DARK_S = 1.0
DARK_MOST_S = 10.0
FORGET_S = 600.0


@dataclass
class _Peer:
    heard_at: float
    dead: bool = False
    suspect: bool = False  # somebody came from it, and is waited for
    asked_at: float | None = None  # a ping is on its way
    missed: int = 0  # pings since it was heard
    missed_since: float = 0.0  # when the first of these went


class Peers:
    """What replica `me` knows of the life of the others."""

    def __init__(self, me: ReplicaId) -> None:
        self._me = me
        self._peers: dict[ReplicaId, _Peer] = {}
        self._bus_at: float | None = None  # when anything came last; None: nothing ever did
        self._bus_since = 0.0  # since when the bus has not been dark
        self._asked = False  # a ping to ourselves is on its way

    def __contains__(self, peer: ReplicaId) -> bool:
        return peer in self._peers and not self._peers[peer].dead

    def who_has(self, edge: ReplicaId) -> list[ReplicaId] | None:
        """Who may have the clients of an edge: itself, or, if it is dead, any that lives: they may have come back
        there. None: it is not there, and was not lately."""
        known = self._peers.get(edge)
        if known is None:
            return None
        return [self._me, *self.alive()] if known.dead else [edge]

    def gave_up(self, peer: ReplicaId, now: float) -> bool:
        """Whether the replica was there and is dead, as far as the bus tells now."""
        return peer in self._peers and self._peers[peer].dead and not self.is_dark(now)

    def suspect(self, peer: ReplicaId, since: float) -> bool:
        """Whether it is open if the replica is dead, from which somebody has come: nothing was heard of it after
        `since`. It is waited for from now on."""
        known = self._peers.get(peer)
        if known is None or known.heard_at > since:
            return False
        known.suspect = True
        return True

    def alive(self) -> list[ReplicaId]:
        return [peer for peer, known in self._peers.items() if not known.dead]

    def is_dark(self, now: float) -> bool:
        """Whether nothing has come by the bus for so long that it cannot be the others' doing."""
        return self._bus_at is None or now - self._bus_at >= DARK_S

    def heard(self, peer: ReplicaId, now: float) -> bool:
        """Something came from the replica. True: it is new, or it had been given up."""
        if self.is_dark(now):
            self._bus_since = now
        self._bus_at = now
        if peer == self._me:
            return False
        known = self._peers.get(peer)
        new = known is None or known.dead
        self._peers[peer] = _Peer(now, asked_at=None if known is None else known.asked_at)
        return new

    def left(self, peer: ReplicaId, now: float) -> bool:
        """The replica said goodbye. False: it was not there."""
        if peer not in self:
            return False
        self._peers[peer] = _Peer(now, dead=True)
        return True

    def missed(self, peer: ReplicaId) -> None:
        """A ping had no answer."""
        if peer == self._me:
            self._asked = False
            return
        known = self._peers.get(peer)
        if known is not None and known.asked_at is not None:
            if not known.missed or known.missed_since < self._bus_since:  # in the dark a miss says nothing
                known.missed, known.missed_since = 0, known.asked_at
            known.missed, known.asked_at = known.missed + 1, None

    def answered(self, peer: ReplicaId) -> None:
        """A ping was answered; that the peer was heard is told besides."""
        if peer == self._me:
            self._asked = False
        elif peer in self._peers:
            self._peers[peer].asked_at = None

    def tick(self, waited_for: Container[ReplicaId], now: float) -> tuple[list[ReplicaId], list[ReplicaId]]:
        """Who is to be pinged now, and who is dead from now on."""
        pings, dead = list[ReplicaId](), list[ReplicaId]()
        for peer, known in list(self._peers.items()):
            silent_s = now - max(known.heard_at, self._bus_since)
            if known.dead:
                if silent_s >= FORGET_S:
                    del self._peers[peer]
            elif self._is_dead(known, silent_s, now):
                known.dead = True
                dead.append(peer)
            elif known.asked_at is None:
                waits = known.suspect or peer in waited_for
                if silent_s >= (SUSPECT_S if waits else ASK_S):
                    known.asked_at = now
                    pings.append(peer)
        quiet = self._bus_at is None or now - self._bus_at >= SUSPECT_S
        if (pings or quiet) and not self._asked:
            self._asked = True
            pings.insert(0, self._me)
        return pings, dead

    def _is_dead(self, known: _Peer, silent_s: float, now: float) -> bool:
        if self._bus_at is None or now - self._bus_at >= DARK_S:
            return self._bus_at is None or now - self._bus_at >= DARK_MOST_S
        # A miss says something only where the bus has carried something since, and was not dark when the ping went.
        tells = self._bus_since <= known.missed_since <= self._bus_at
        return silent_s >= DEAD_S or (known.missed >= PINGS and tells)
