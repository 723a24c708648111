"""Beside the server: brings sums of append-only tables up to date, in small steps with other work between them."""

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.clock import now_ms
from coordinator.store.errors import StoreError
from coordinator.store.roll_up import RollUp, look, writers
from coordinator.store.store import Store

log = logging.getLogger("supernet.store")

EVERY_S = 30.0
TURN_S = 60.0  # then those that had been brought up to date have their turn again
SHARE = 0.25  # of the time of the thread that books, at most: a step is followed by a pause three times as long
POLL_S = 0.2  # between two looks whether those have ended who wrote
PATIENCE_S = 120.0  # PostgreSQL breaks off what waits or computes for a minute (engines.py)


@dataclass(frozen=True)
class Rolling:
    """Any number of sums, each of which has its turn: a month that was never added up keeps none of the others back."""

    store: Store
    roll_ups: Sequence[RollUp]

    async def run(self) -> None:
        """Bring them up to date every EVERY_S seconds, until cancelled. A database that fails is asked again."""
        while True:
            try:
                whole = await self.once()
            except StoreError as error:
                whole = True
                log.error("what was used and earned cannot be added up: %s", error)
            if whole:
                await asyncio.sleep(EVERY_S)

    async def once(self) -> bool:
        """Add up what is there now, for TURN_S seconds at most; returns whether that is all. Raises StoreError."""
        until = time.monotonic() + TURN_S
        last = {each.name: await self.settled(each) for each in self.roll_ups}
        behind = list(self.roll_ups)
        while behind and time.monotonic() < until:
            for each in tuple(behind):
                began = time.monotonic()
                if not await self.store.run(each.roll, last[each.name], now_ms()):
                    behind.remove(each)
                await asyncio.sleep((time.monotonic() - began) * (1 / SHARE - 1))
        return not behind

    async def settled(self, roll_up: RollUp) -> int:
        """The last row now, once all before it are there. 0: somebody writes without end, and the next turn looks anew.
        Raises StoreError."""
        seen = await self.store.run(look, roll_up.rows)
        until = time.monotonic() + PATIENCE_S
        while seen.writers & await self.store.run(writers, roll_up.rows):
            if time.monotonic() > until:
                return 0
            await asyncio.sleep(POLL_S)
        return seen.last
