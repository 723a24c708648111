"""When each key was used last: kept in memory, and written down now and then, as a request must not cost a write."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from coordinator.accounts.rows import set_used
from coordinator.clock import now_ms
from coordinator.store.errors import StoreError
from coordinator.store.store import Store

log = logging.getLogger("supernet.accounts")

LOOK_S = 10.0
APART_MS = 60_000  # between two times that are written down of one key
GROUP = 256  # keys in one transaction: others' orders go between two


@dataclass
class LastUse:
    """Knows of the keys that were used since they were last written down."""

    store: Store
    _used: dict[str, int] = field(default_factory=dict)  # by the id of the key, Unix milliseconds
    _written: dict[str, int] = field(default_factory=dict)  # within APART_MS

    def mark(self, key_id: str, at_ms: int) -> None:
        self._used[key_id] = at_ms

    def due(self, at_ms: int) -> dict[str, int]:
        """What is to be written down now."""
        self._written = {key: when for key, when in self._written.items() if at_ms - when < APART_MS}
        return {key: when for key, when in self._used.items() if key not in self._written}

    async def run(self, connected: Callable[[], Iterable[str]]) -> None:
        """Write every LOOK_S seconds, until cancelled. `connected`: the keys of the workers that are here, which are in
        use as long as they are. A database that fails is asked again."""
        while True:
            await asyncio.sleep(LOOK_S)
            for key_id in connected():
                self.mark(key_id, now_ms())
            try:
                await self.write(now_ms())
            except StoreError as error:
                log.error("when keys were used cannot be written: %s", error)

    async def write(self, at_ms: int) -> None:
        """Raises StoreError; what is not written then is next time."""
        due = list(self.due(at_ms).items())
        for start in range(0, len(due), GROUP):
            some = dict(due[start : start + GROUP])
            await self.store.run(set_used, some)
            for key, when in some.items():
                self._written[key] = at_ms
                if self._used.get(key) == when:
                    del self._used[key]
