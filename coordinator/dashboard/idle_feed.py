"""Tells workers why they have no jobs: those that ask for it, when it has changed, at most every 30 s."""

import asyncio
import logging
from dataclasses import dataclass, field

from coordinator.clock import now_ms
from coordinator.current_catalog import specs
from coordinator.dashboard.feed import Feed
from coordinator.dashboard.idle import Why
from coordinator.history.reader import Reader
from coordinator.hub.hub import Hub
from coordinator.store.errors import StoreError
from wire.errors import SupernetError
from wire.idle import IDLE, Idle

log = logging.getLogger("supernet.dashboard")

EVERY_S = 30.0
AT_ONCE = 200  # workers are told; in between others have their turn


@dataclass
class IdleFeed:
    """`reader`: knows what was refused in a day."""

    hub: Hub
    feed: Feed
    reader: Reader
    _told: dict[str, Why | None] = field(default_factory=dict)  # by session

    async def run(self) -> None:
        """Tell workers every EVERY_S seconds, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.once()

    async def once(self) -> None:
        asking = {
            worker.key: worker.peer.session
            for worker in self.hub.cell.workers
            if worker.connected and IDLE in worker.hello.features
        }
        self._told = {session: self._told.get(session) for session in asking.values()}
        if not asking:
            return
        await refresh(self.feed, self.reader)
        await self.feed.look_around()
        for number, (key, why) in enumerate(self.feed.idle(asking), 1):
            session = asking[key]
            if self._told.get(session) != why:
                self._told[session] = why
                said = Idle() if why is None else Idle(code=why.code, message=why.message, remedy=why.remedy)
                self.hub.tell(session, said)
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)


async def refresh(feed: Feed, reader: Reader) -> None:
    """Have the feed know what was refused in a day, if the database can be asked."""
    try:
        day = await reader.day(tuple(specs(feed.catalog.now)), now_ms())
    except (StoreError, SupernetError) as error:
        log.debug("what is wanted cannot be read: %s", error)
    else:
        feed.refused = {name: row.get("no_worker", 0) + row.get("turned_away", 0) for name, row in day.items()}
