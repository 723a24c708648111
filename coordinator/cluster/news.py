"""What each replica tells all others, and what they ask of one another besides jobs. The newest counts: what is lost is
said again, or asked for as a snapshot, whose answer is any number of these as if heard from whoever answers."""

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import Field

from coordinator.dispatch.so_far import Age, Name

MAX_LOOK_CHARS = 4 * 1024 * 1024


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


News = Here | Gone | Revised | Watching | Bye | Ping | Pong | Snapshot | Look | Looked
