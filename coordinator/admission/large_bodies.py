"""Places for the large bodies of requests: few are read at one time, so that they cannot fill the memory."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from wire.errors import ErrorCode, SupernetError

PLACES = 8
PLACES_OF_ONE = 4  # of one account, so that slow bodies of one keep nobody else's out
WAITING = 64
WAITING_OF_ONE = 16  # else those of one account, which has few places, keep all others from even waiting
WAIT_S = 10.0
RETRY_S = 5.0


@dataclass
class LargeBodies:
    """Who reads a large body has a place, which its client got in turn."""

    _all: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PLACES))
    _own: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)  # by account
    _waiting: Counter[str] = field(default_factory=Counter)  # by account

    async def enter(self, account: str, places: AsyncExitStack) -> None:
        """Wait for a place, which is held until `places` is closed. Raises overloaded after WAIT_S seconds, or at once
        where WAITING others wait, or WAITING_OF_ONE of the account."""
        if self._waiting.total() == WAITING or self._waiting[account] == WAITING_OF_ONE:
            raise _overloaded()
        own = self._own.setdefault(account, asyncio.Semaphore(PLACES_OF_ONE))
        self._waiting[account] += 1
        try:
            async with asyncio.timeout(WAIT_S):
                await places.enter_async_context(own)
                await places.enter_async_context(self._all)
        except TimeoutError:
            raise _overloaded() from None
        finally:
            self._waiting[account] -= 1
            self._waiting += Counter()  # keeps nothing of those who wait no more


def _overloaded() -> SupernetError:
    message = "Too many requests of this size are being read: send it again later."
    return SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)
