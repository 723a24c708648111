"""All keys that work now, in memory: found by what a request brings, and ended when their time is over.

Asked each second whether any has ended, it looks at those that have, and at no other: of 100,000 keys that costs what
it costs of one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import heapify, heappop

from coordinator.accounts.chains import Counter
from coordinator.accounts.rows import KeyLimits


@dataclass(frozen=True)
class Principal:
    """The key and the account that a request comes from. `counters`: what it is counted under, its own first.
    `platform_tools`: whether the models that it asks may be told of them. `session_ends_ms`: it is a browser's session,
    and ends then at the latest; None: it is a key."""

    key: str
    account: str
    scopes: tuple[str, ...]
    counters: tuple[Counter, ...]
    weight: float = 1.0
    expires_ms: int | None = None
    platform_tools: bool = True
    session_ends_ms: int | None = None

    @property
    def limits(self) -> KeyLimits:
        """The limits of the key itself, without those of the keys that it is counted with."""
        return self.counters[0].limits

    @property
    def paying(self) -> tuple[Counter, ...]:
        """For which keys it counts what this one spends, its own first; none for a browser's session."""
        return tuple(counter for counter in self.counters if counter.pays)

    def expired(self, now_ms: int) -> bool:
        return self.expires_ms is not None and self.expires_ms <= now_ms


class KeysInUse:
    """`keys`: by the hash of the key. Those that have expired are left out."""

    def __init__(self, keys: Mapping[str, Principal], at_ms: int) -> None:
        self._by_id: dict[str, Principal] = {}
        self.replace(keys, at_ms)

    def __len__(self) -> int:
        return len(self._by_hash)

    def by_hash(self, name: str) -> Principal | None:
        return self._by_hash.get(name)

    def by_id(self, key_id: str) -> Principal | None:
        return self._by_id.get(key_id)

    def replace(self, keys: Mapping[str, Principal], at_ms: int) -> set[str]:
        """These are all keys now. Returns the ids of those that have ended with it."""
        before = self._by_id.keys()
        self._by_hash = {name: principal for name, principal in keys.items() if not principal.expired(at_ms)}
        self._by_id = {principal.key: principal for principal in self._by_hash.values()}
        self._expiring = [(one.expires_ms, name) for name, one in self._by_hash.items() if one.expires_ms is not None]
        heapify(self._expiring)
        return before - self._by_id.keys()

    def expire(self, at_ms: int) -> set[str]:
        """Returns the ids of keys whose time is over by now."""
        ended = set[str]()
        while self._expiring and self._expiring[0][0] <= at_ms:
            _, name = heappop(self._expiring)
            principal = self._by_hash.pop(name)
            del self._by_id[principal.key]
            ended.add(principal.key)
        return ended
