"""What each replica tells all others, and what they ask of one another besides jobs. The newest counts: what is lost is
said again, or asked for as a snapshot, whose answer is any number of these as if heard from whoever answers."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from coordinator.cluster.protocol.gossip_messages import Gossiped
from coordinator.dispatch.overview import ModelStock
from coordinator.dispatch.so_far import Age, Name
from wire.scalars import Count

MAX_LOOK_CHARS = 4 * 1024 * 1024
MAX_MODELS = 1024
MAX_VERSIONS = 16

Role = Literal["both", "edge", "cell"]  # whether a replica takes clients, workers, or both


@dataclass(frozen=True)
class Here:
    """The worker of this key, as this process of it, is in the sender's cell since so many seconds."""

    worker: Name
    instance: Name
    since_age_s: Age = 0.0


@dataclass(frozen=True)
class Gone:
    """It is not any more."""

    worker: Name
    instance: Name


@dataclass(frozen=True)
class Where:
    """Is the worker of this key in your cell? Answered by Here or Gone: of whom others have heard may be old."""

    worker: Name


@dataclass(frozen=True)
class Picture:
    """The sender, once a second and when it changes. `speaks`: versions of what replicas say that it understands.
    `leaving`: it gets no more jobs. `catalog`: a fingerprint; of older ones none. `lag_s`: how late its loop runs."""

    name: Name = ""
    role: Role = "both"
    leaving: bool = False
    version: Name = ""
    catalog: Name = ""
    speaks: Annotated[tuple[Count, ...], Field(max_length=MAX_VERSIONS)] = ()
    models: Annotated[tuple[ModelStock, ...], Field(max_length=MAX_MODELS)] = ()
    workers: Count = 0
    streams: Count = 0
    lag_s: Age = 0.0


@dataclass(frozen=True)
class Revised:
    """Accounts or keys have changed in the database: read it now."""


@dataclass(frozen=True)
class Watching:
    """Somebody looks at the sender's dashboard: tell it how things are here."""


@dataclass(frozen=True)
class Bye:
    """The sender ends. Its cell and its edge are gone now."""


@dataclass(frozen=True)
class Ping:
    """Are you there? Answered by Pong at once."""


@dataclass(frozen=True)
class Pong:
    """Yes."""


@dataclass(frozen=True)
class Snapshot:
    """What should one know who has just joined?"""


@dataclass(frozen=True)
class Look:
    """What is in your cell, for a dashboard?"""


@dataclass(frozen=True)
class Looked:
    """The answer to Look, as JSON text."""

    text: Annotated[str, Field(max_length=MAX_LOOK_CHARS)] = field(repr=False)


News = Here | Gone | Where | Picture | Revised | Watching | Bye | Ping | Pong | Snapshot | Look | Looked | Gossiped
