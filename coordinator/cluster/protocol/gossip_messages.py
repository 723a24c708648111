"""What replicas tell each other to be as fair and as strict as one: what changed, four times a second.

None of it is numbered, and nothing waits for it. Ages and seconds that are left go over the bus, never times: no two
replicas have one clock.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from coordinator.admission.key_use import KeyUse
from coordinator.dispatch.poison import BlockNews
from coordinator.scheduler.fairness import Charge
from coordinator.scheduler.owners import Deeds
from coordinator.scheduler.quarantine import RestNews

MAX_TOLD = 8192  # items of one message; what is left follows in another
_many = Field(max_length=MAX_TOLD)


@dataclass(frozen=True)
class Charges:
    """What accounts were charged for what the sender's workers have served."""

    items: Annotated[tuple[Charge, ...], _many]


@dataclass(frozen=True)
class Use:
    """What keys have used of their limits at the sender. `whole`: these are all keys of which anything runs there."""

    items: Annotated[tuple[KeyUse, ...], _many]
    whole: bool = False


@dataclass(frozen=True)
class Rests:
    """Which workers rest, or serve again, and what their owners' workers did."""

    rests: Annotated[tuple[RestNews, ...], _many] = ()
    deeds: Annotated[tuple[Deeds, ...], _many] = ()


@dataclass(frozen=True)
class Poison:
    """Requests that crashed engines."""

    items: Annotated[tuple[BlockNews, ...], _many]


@dataclass(frozen=True)
class Hints:
    """Prompts that engines of a cell have read, by the hash of their last step, and sessions. `cell` need not be the
    sender: who joins is told what was heard of all."""

    cell: str
    prompts: Annotated[tuple[int, ...], _many]


Gossiped = Charges | Use | Rests | Poison | Hints
