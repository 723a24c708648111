"""Turns at what only few may do at a time: so many at once, so many of one account, and nobody waits for long."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from wire.errors import SupernetError


@dataclass
class Turns:
    """Places that are given in turn. `at_once` of them, `of_one` at most to one account, so that its slow work keeps
    nobody else's out; `waiting` who have none yet, `waiting_of_one` of one account, which has few places: else its own
    keep all others from even waiting. `busy`: the error for who has waited `within_s` seconds, or may not wait."""

    at_once: int
    of_one: int
    waiting: int
    waiting_of_one: int
    within_s: float
    busy: Callable[[], SupernetError]
    _own: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)  # by account
    _waiting: Counter[str] = field(default_factory=Counter)  # by account

    def __post_init__(self) -> None:
        self._all = asyncio.Semaphore(self.at_once)

    async def enter(self, account: str, places: AsyncExitStack) -> None:
        """Wait for a place, which is held until `places` is closed. Raises `busy`."""
        if self._waiting.total() == self.waiting or self._waiting[account] == self.waiting_of_one:
            raise self.busy()
        own = self._own.setdefault(account, asyncio.Semaphore(self.of_one))
        self._waiting[account] += 1
        try:
            async with asyncio.timeout(self.within_s):
                await places.enter_async_context(own)
                await places.enter_async_context(self._all)
        except TimeoutError:
            raise self.busy() from None
        finally:
            self._waiting[account] -= 1
            self._waiting += Counter()  # keeps nothing of those who wait no more
