"""What the pure parts of a replica want of one another. None of it leaves the replica as it is."""

from dataclasses import dataclass

from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Message


@dataclass(frozen=True)
class Tell:
    """Put a message on the lane to another replica."""

    to: ReplicaId
    message: Message


@dataclass(frozen=True)
class Route:
    """A job of ours is in no cell and wants one, now. `but`: not this one, that has just given it back or is lost.
    `to`: the one that should have it, in the opinion of the cell that gave it back."""

    job: str
    but: ReplicaId | None = None
    to: ReplicaId | None = None
