"""What the ledger is asked to do. Every order has a name of its own, and carrying it out twice is carrying it out once.

Frozen and plain: an order knows nothing of the database. Amounts are nano-dollars, times Unix milliseconds.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from coordinator.ledger.pricing import Currency, Payee, Tariff, TokenType

PLATFORM = (
    "platform"  # the owner of what belongs to nobody else; a replica beside others has a purse of it (platform/N)
)
Reason = Literal["grant", "deposit", "payout"]  # why an operator moves money
PayoutState = Literal["asked", "approved", "sent", "refused", "withdrawn", "returned"]
Period = Literal["day", "month"]  # UTC
Decision = Literal["approve", "sent", "refuse", "return"]  # what an operator says of a payout
# Of all money the books know where it came from: it was given (starter tokens, bonuses, presents), or paid in. What is
# bought with given tokens is paid to workers in given tokens. Only the operator makes money of them, its own (Promote).
Kind = Literal[
    "available",  # a client's, to spend; given, and spent first
    "funded",  # a client's, to spend; paid in, or earned with what was paid in
    "held",  # a client's, for jobs that run
    "escrow",  # earned with a worker, not yet to be had
    "credit",  # earned with a worker by given tokens: to spend here
    "earned",  # earned with a worker by what was paid in: to spend here, or to be paid out
    "revenue",  # the platform's share of what was paid in
    "promotions",  # where given tokens come from and go back to: below zero by all that are about
    "deposits",  # the world outside: below zero by what was paid in and not paid out
]
SOURCES: tuple[Kind, ...] = ("promotions", "deposits")  # the only ones that may be below zero


class SubAccount(NamedTuple):
    """What one balance belongs to."""

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
    kind: str | None = None  # of what was made; None: a chat
    units: int | None = None  # of that


@dataclass(frozen=True)
class Claim:
    """With the hold, have an Idempotency-Key stand for this request. `fingerprint`: what tells it from another;
    `attempt`: its runs that came to nothing. `instead_of`: the replica whose client it was; that is dead, so the hold
    and the key become this one's. Each hold of a request in rounds comes with it."""

    account: str
    key: str
    fingerprint: str
    attempt: int
    at_ms: int
    instead_of: str | None = None


@dataclass(frozen=True)
class Counted:
    """A key for which a hold counts, by the name of its counters. `day_nano`, `month_nano`: what it may spend on a day
    and in a month (UTC); None: as much as there is."""

    name: str
    day_nano: int | None = None
    month_nano: int | None = None


@dataclass(frozen=True)
class Hold:
    """Set `nano` aside for a job, or refuse. `streamed`: the client gets the tokens, or one piece after the other, as
    they come, and owes those that came if the job is cut off. `bound`: most tokens that its prompt can have. `claim`:
    of the Idempotency-Key that it came with. `counted`: the key that asks, and those that it was made with."""

    job: str
    account: str
    key: str
    model: str
    streamed: bool
    tariff: Tariff
    bound: int
    token_type: TokenType
    nano: int
    at_ms: int
    deadline_ms: int
    kind: str | None = None  # of what is to be made; None: a chat
    claim: Claim | None = None
    counted: tuple[Counted, ...] = ()
    request_id: str | None = None  # the x-request-id of its answer; None: it is made of `job`


@dataclass(frozen=True)
class Checkpoint:
    """What a running job has delivered so far, tokens (or units of what was made) by worker key: after a crash of the
    coordinator it is billed.
    `prompts`: of each choice that has a token, the worker that read its prompt and how many tokens that has."""

    job: str
    served: tuple[tuple[str, int], ...]
    prompts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Settle:
    """The job has ended: `charge` of what is held is paid, the rest goes back. A charge of 0 voids the hold.
    `failure`: the code of the error that ended it before any worker had it."""

    job: str
    charge: int
    payees: tuple[Payee, ...]
    usage: tuple[UsageRow, ...]
    at_ms: int
    failure: str | None = None


@dataclass(frozen=True)
class Transfer:
    """Move `nano` between two sub-accounts of one currency, once for each `id`, or refuse."""

    id: str
    source: SubAccount
    target: SubAccount
    nano: int
    at_ms: int
    note: str = ""


@dataclass(frozen=True)
class Promote:
    """Make `nano` of an account's credit earnings that may be paid out, once for each `id`, or refuse: the given tokens
    go back, and as much of the operator's own money takes their place."""

    id: str
    account: str
    currency: Currency
    nano: int
    at_ms: int


@dataclass(frozen=True)
class Keep:
    """A request with an Idempotency-Key has been answered: keep that for whoever asks again. `body`: sealed, None if it
    is too long; `files`: those in it, as JSON."""

    account: str
    key: str
    media_type: str
    body: bytes | None
    files: str
    at_ms: int


@dataclass(frozen=True)
class Mark:
    """How far a request with an Idempotency-Key has come, for the replica that takes it over. `body`: sealed."""

    account: str
    key: str
    body: bytes


@dataclass(frozen=True)
class Release:
    """A request with an Idempotency-Key came to nothing: the key is free again."""

    account: str
    key: str


# A Claim by itself is of a request that goes on where it stood, before any hold of it is made or taken over.
Order = Hold | Checkpoint | Settle | Transfer | Promote | Claim | Mark | Keep | Release


@dataclass(frozen=True)
class Held:
    """What was set aside of each currency."""

    amounts: dict[Currency, int]


@dataclass(frozen=True)
class Insufficient:
    """Refused: only `available` may be spent."""

    available: int


@dataclass(frozen=True)
class Capped:
    """Refused: the key of that name may spend `cap` nano-dollars in the `period`, and `spent` are spent or held."""

    name: str
    period: Period
    cap: int
    spent: int


@dataclass(frozen=True)
class Done:
    """Carried out; `again`: it had been already, and nothing was done now. `charge`: what an ended job had cost."""

    again: bool = False
    charge: int = 0


@dataclass(frozen=True)
class Taken:
    """Refused: a request of that name, or with that Idempotency-Key, runs at another replica."""


Answer = Held | Insufficient | Capped | Done | Taken
