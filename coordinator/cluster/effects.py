"""What a replica wants done on the bus, beside the effects of dispatch. Frozen."""

from dataclasses import dataclass, field

from coordinator.cluster.ids import ReplicaId


@dataclass(frozen=True)
class Publish:
    """Tell a replica, or with `to` None all others."""

    to: ReplicaId | None
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Ask:
    """Ask a replica, or with `to` None any other one. Its answer, or that there was none in time, comes back under the
    number `ask`, which is the asker's own."""

    to: ReplicaId | None
    ask: int
    data: bytes = field(repr=False)
    within_s: float


@dataclass(frozen=True)
class Reply:
    """Answer what was asked under the number `ask`. Once: a second answer goes nowhere."""

    ask: int
    data: bytes = field(repr=False)


BusEffect = Publish | Ask | Reply
