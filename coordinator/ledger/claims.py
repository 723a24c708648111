"""What the Idempotency-Keys of a group of orders stand for, pure: as it was read, then as the orders change it.

A key is claimed in the transaction that sets the money aside, so that of two replicas that are asked the same one runs
it. Only the replica that claimed a key says what becomes of it; one that is dead is followed by who names it.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from coordinator.ledger.orders import Claim, Keep, Mark, Release

Name = tuple[str, str]  # the account, and its key


@dataclass(frozen=True)
class Claimed:
    """What a key stands for. `job`: of the hold that it came with. `mark`: how far that is, sealed, while it runs;
    `kept`: how it was answered, once that is `done`. Of a group of orders both are only what the group says."""

    fingerprint: str
    attempt: int
    job: str
    edge: str
    at_ms: int
    state: Literal["running", "done"] = "running"
    kept: Keep | None = None
    mark: bytes | None = None


@dataclass
class Claims:
    """The keys that are known. `own`: the ids of this replica, of which `owner` is the one for new claims."""

    owner: str
    own: frozenset[str]
    known: dict[Name, Claimed] = field(default_factory=dict)
    before: dict[Name, Claimed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.before = dict(self.known)

    def admits(self, claim: Claim) -> bool:
        """Whether the key is free, this replica's own, or that of the dead one that the claim names."""
        known = self.known.get((claim.account, claim.key))
        return known is None or (known.state == "running" and known.edge in self.own | {claim.instead_of})

    def owns(self, claim: Claim) -> bool:
        """Whether the key stands for something, and that is this replica's own."""
        known = self.known.get((claim.account, claim.key))
        return known is not None and known.edge in self.own

    def take(self, claim: Claim, job: str) -> None:
        """Have the key stand for the request that the claim came with; `job`: of its hold, or of one of its rounds."""
        name = claim.account, claim.key
        known = self.known.get(name)
        if known is None or known.attempt != claim.attempt:
            taken = Claimed(claim.fingerprint, claim.attempt, job.partition(".")[0], self.owner, claim.at_ms)
            self.known[name] = taken
        elif known.edge not in self.own:
            self.known[name] = replace(known, edge=self.owner, at_ms=claim.at_ms)

    def follow(self, claim: Claim) -> bool:
        """Have the request go on here, of which the key stands for what there is. False: it is not to be had."""
        known = self.known.get((claim.account, claim.key))
        if known is None or not self.admits(claim):
            return False
        self.take(claim, known.job)
        return True

    def change(self, order: Mark | Keep | Release) -> bool:
        """Whether the order was carried out: on a key that runs, by the replica whose it is."""
        name = order.account, order.key
        known = self.known.get(name)
        if known is None or known.state != "running" or known.edge not in self.own:
            return False
        match order:
            case Mark():
                self.known[name] = replace(known, mark=order.body)
            case Keep():
                self.known[name] = replace(known, state="done", kept=order, at_ms=order.at_ms)
            case Release():
                del self.known[name]
        return True
