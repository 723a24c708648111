"""What the ledger is asked to do. Every order has a name of its own, and carrying it out twice is carrying it out once.

Frozen and plain: whoever gives an order knows nothing of the database.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from coordinator.ledger.pricing import Currency, Payee, Tariff

PLATFORM = "platform"  # the owner of what belongs to nobody else
Reason = Literal["grant", "deposit", "payout"]  # why an operator moves money
Kind = Literal[
    "available",  # a client's, to spend
    "held",  # a client's, for jobs that run
    "escrow",  # earned with a worker, not yet to be had
    "earned",  # earned with a worker, and the owner's
    "revenue",  # the platform's share
    "promotions",  # where starter tokens and bonuses come from: below zero by what was given
    "deposits",  # the world outside: below zero by what was paid in and not paid out
]
SOURCES: tuple[Kind, ...] = ("promotions", "deposits")  # the only ones that may be below zero


class Purse(NamedTuple):
    owner: str  # the id of an account, or PLATFORM
    currency: Currency
    kind: Kind


@dataclass(frozen=True)
class UsageRow:
    """One ended choice of a request; the columns are those of the table. `request` is the job of the hold."""

    job: str
    request: str | None
    at_ms: int
    account: str
    key: str
    model: str
    worker: str | None
    attempts: int
    finish: str
    prompt: int
    cached: int
    completion: int
    reasoning: int
    price_prompt: int
    price_completion: int
    cost_nano: int
    queued_ms: int
    first_token_ms: int | None
    total_ms: int


@dataclass(frozen=True)
class Hold:
    """Set `nano` aside for a job, or refuse. `streamed`: whoever asked sees the tokens as they come, and owes those
    that came if the job is cut off. `bound`: most tokens that its prompt can have."""

    job: str
    account: str
    key: str
    model: str
    streamed: bool
    tariff: Tariff
    bound: int
    token_type: str
    nano: int
    at_ms: int
    deadline_ms: int


@dataclass(frozen=True)
class Checkpoint:
    """Tokens of a running job that have been delivered so far, by worker key: what a crash of ours leaves to bill."""

    job: str
    served: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Settle:
    """The job has ended: `charge` of what is held is paid, the rest goes back. A charge of 0 voids the hold."""

    job: str
    charge: int
    payees: tuple[Payee, ...]
    usage: tuple[UsageRow, ...]
    at_ms: int


@dataclass(frozen=True)
class Transfer:
    """Move `nano` between two purses of one currency, once for each `id`, or refuse."""

    id: str
    source: Purse
    target: Purse
    nano: int
    at_ms: int
    note: str = ""


Order = Hold | Checkpoint | Settle | Transfer


@dataclass(frozen=True)
class Held:
    """What was set aside of each currency."""

    purses: dict[Currency, int]


@dataclass(frozen=True)
class Short:
    """Refused: so much is there, of what may be spent."""

    available: int


@dataclass(frozen=True)
class Done:
    """Carried out; `again`: it had been already, and nothing was done now. `charge`: what an ended job had cost."""

    again: bool = False
    charge: int = 0


Answer = Held | Short | Done
