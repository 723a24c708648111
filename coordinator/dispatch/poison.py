"""Requests that crashed engines, remembered for a while: asked again, they are refused before another engine dies.

Kept by account, so that nobody can have another's request refused, and by what was asked, not by the job: a client
that retries, or asks for several choices, asks the same. Replicas tell each other of the requests that they remember.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from coordinator.scheduler.state import JobSpec

BLOCK_S = 600.0
MOST = 4096  # two engines died for each: more than that in ten minutes, and the oldest are forgotten

Fingerprint = tuple[str, str]  # account, sha256


@dataclass(frozen=True)
class Block:
    """`owners`: the accounts whose engines the request crashed. `heard`: its end was set by another replica."""

    until: float
    owners: frozenset[str]
    heard: bool = False


@dataclass(frozen=True)
class BlockNews:
    """What one replica tells of a request that crashed engines: refused for `left_s` seconds more."""

    account: str
    sha256: str
    left_s: float
    owners: tuple[str, ...]


class PoisonList:
    def __init__(self) -> None:
        self._blocks: dict[Fingerprint, Block] = {}  # in the order in which they end
        self._untold: set[Fingerprint] = set()  # of these

    def block(self, spec: JobSpec, now: float, owners: frozenset[str] = frozenset()) -> None:
        """Remember this request of this account for ten minutes, and whose engines it crashed."""
        self._forget(now)
        key = fingerprint(spec)
        self._blocks.pop(key, None)
        self._blocks[key] = Block(now + BLOCK_S, owners)
        self._untold.add(key)
        self._bound()

    def blocked(self, spec: JobSpec, now: float) -> Block | None:
        """The block of a request that is remembered, until when and by whom; None if it may be tried."""
        self._forget(now)
        if not any(account == spec.account for account, _ in self._blocks):
            return None  # nearly always: no request is hashed in vain
        return self._blocks.get(fingerprint(spec))

    def take_news(self, now: float) -> list[BlockNews]:
        """What was blocked here since this was last asked: for the other replicas."""
        untold, self._untold = self._untold, set()
        return [news for news in self.standing(now) if (news.account, news.sha256) in untold] if untold else []

    def lasting(self, now: float) -> list[BlockNews]:
        """What was blocked here and still is: to be told again and again, for whoever did not hear of it. Told on by
        those who heard of it, it would end a little later each time."""
        self._forget(now)
        return [_news(key, block, now) for key, block in self._blocks.items() if not block.heard]

    def standing(self, now: float) -> list[BlockNews]:
        """All that is blocked: for a replica that knows nothing yet."""
        self._forget(now)
        return [_news(key, block, now) for key, block in self._blocks.items()]

    def heard(self, told: Iterable[BlockNews], now: float) -> None:
        """Another replica has blocked these: of two blocks of one request the one that ends later counts, and the
        owners of both."""
        for news in told:
            key, until = (news.account, news.sha256), now + news.left_s
            before = self._blocks.get(key, Block(0.0, frozenset()))
            heard = before.heard or until > before.until
            self._blocks[key] = Block(max(before.until, until), before.owners.union(news.owners), heard)
        self._blocks = dict(sorted(self._blocks.items(), key=lambda item: item[1].until))
        self._bound()

    def _bound(self) -> None:
        while len(self._blocks) > MOST:
            self._drop(next(iter(self._blocks)))

    def _drop(self, key: Fingerprint) -> None:
        del self._blocks[key]
        self._untold.discard(key)

    def _forget(self, now: float) -> None:
        while self._blocks and (oldest := next(iter(self._blocks.items())))[1].until <= now:
            self._drop(oldest[0])


def _news(key: Fingerprint, block: Block, now: float) -> BlockNews:
    return BlockNews(*key, block.until - now, tuple(sorted(block.owners)))


def fingerprint(spec: JobSpec) -> Fingerprint:
    """Model and request, every default resolved: two bodies that mean the same have one fingerprint. Not the seed."""
    digest = sha256(f"{spec.model}\n{spec.request.model_dump_json()}".encode())
    return spec.account, digest.hexdigest()
