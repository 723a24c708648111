"""What a replica wants done on the bus, beside the effects of dispatch. Frozen."""

from dataclasses import dataclass, field

from coordinator.cluster.protocol.ids import ReplicaId


@dataclass(frozen=True)
class Publish:
    """Tell a replica, or with `to` None all others."""

    to: ReplicaId | None
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Ask:
    """Ask a replica, or with `to` None any other one. Its answer, or that there was none in time, comes back under the
    number `ask`, which is the asker's own. `urgent`: however many others are on their way."""

    to: ReplicaId | None
    ask: int
    data: bytes = field(repr=False)
    within_s: float
    urgent: bool = False


@dataclass(frozen=True)
class Reply:
    """Answer what was asked under the number `ask`. Once: a second answer goes nowhere."""

    ask: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Flush:
    """Something waits on the lanes: call `flush` when this turn of the loop is over. `can_wait`: or a moment later,
    together with what follows."""

    can_wait: bool = False


@dataclass(frozen=True)
class Reread:
    """Accounts or keys have changed at another replica: read them from the database now."""


@dataclass(frozen=True)
class Shown:
    """What was asked under this number is what an observer of the network sees in this cell: it is not known here."""

    ask: int


BusEffect = Publish | Ask | Reply | Flush | Reread | Shown
