"""Requests that crashed engines, remembered for a while: asked again, they are refused before another engine dies.

Kept by account, so that nobody can have another's request refused, and by what was asked, not by the job: a client
that retries, or asks for several choices, asks the same.
"""

from dataclasses import dataclass
from hashlib import sha256

from coordinator.scheduler.state import JobSpec

BLOCK_S = 600.0
MOST = 4096  # two engines died for each: more than that in ten minutes, and the oldest are forgotten

Fingerprint = tuple[str, str]  # account, sha256


@dataclass(frozen=True)
class Block:
    """`owners`: the accounts whose engines the request crashed."""

    until: float
    owners: frozenset[str]


class PoisonList:
    def __init__(self) -> None:
        self._blocks: dict[Fingerprint, Block] = {}  # in the order in which they end

    def block(self, spec: JobSpec, now: float, owners: frozenset[str] = frozenset()) -> None:
        """Remember this request of this account for ten minutes, and whose engines it crashed."""
        self._forget(now)
        key = fingerprint(spec)
        self._blocks.pop(key, None)
        self._blocks[key] = Block(now + BLOCK_S, owners)
        if len(self._blocks) > MOST:
            del self._blocks[next(iter(self._blocks))]

    def blocked(self, spec: JobSpec, now: float) -> Block | None:
        """The block of a request that is remembered, until when and by whom; None if it may be tried."""
        self._forget(now)
        if not any(account == spec.account for account, _ in self._blocks):
            return None  # nearly always: no request is hashed in vain
        return self._blocks.get(fingerprint(spec))

    def _forget(self, now: float) -> None:
        while self._blocks and (oldest := next(iter(self._blocks.items())))[1].until <= now:
            del self._blocks[oldest[0]]


def fingerprint(spec: JobSpec) -> Fingerprint:
    """Model and request, every default resolved: two bodies that mean the same have one fingerprint. Not the seed."""
    digest = sha256(f"{spec.model}\n{spec.request.model_dump_json()}".encode())
    return spec.account, digest.hexdigest()
