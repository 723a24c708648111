"""The catalog's file is read again when the operator wants it (SIGHUP): checked whole, and then in use at once.

What was asked for before goes on: money is held at the price that stood then, and workers keep a model that was removed
until the last job of it has ended.
"""

import asyncio
import logging
from dataclasses import dataclass, field, replace
from pathlib import Path

from coordinator.billing.billing import Billing
from coordinator.clock import now_ms
from coordinator.cluster.replica import Replica
from coordinator.current_catalog import CurrentCatalog, difference, prices, specs
from coordinator.dashboard.feed import Feed
from coordinator.hub.hub import Hub
from coordinator.ledger.price_list import pin
from coordinator.scheduler.offers import taken
from coordinator.store.errors import StoreError
from coordinator.store.store import Store
from program.catalog import load_catalog
from program.settings import ConfigError
from wire.errors import ErrorCode
from wire.handed_catalog import MAX_CHARS, HandedCatalog, fingerprint, write
from wire.messages import Error

log = logging.getLogger("supernet.catalog")

AT_ONCE = 64  # workers, before others have their turn: ten thousand take half a second


@dataclass
class Reload:
    """`path`: of the file, None: the one that came with the program. `wanted`: set when it is to be read again."""

    path: Path | None
    catalog: CurrentCatalog
    store: Store
    billing: Billing
    hub: Hub
    feed: Feed
    wanted: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Read it whenever that is wanted, until cancelled. A catalog that cannot be used changes nothing."""
        self.told()
        while True:
            await self.wanted.wait()
            self.wanted.clear()
            try:
                await self.read()
            except (ConfigError, StoreError) as error:
                log.error("the catalog stays as it was: %s", "; ".join(str(error).splitlines()))

    async def read(self) -> None:
        """Raises ConfigError for a catalog that is wrong, StoreError if its prices cannot be written down."""
        after, before = await asyncio.to_thread(load_catalog, self.path), self.catalog.now
        if after == before:
            log.info("the catalog was read again: nothing has changed")
            return
        tariffs = await self.store.run(pin, prices(after), now_ms(), meant=True)
        self.catalog.now, self.billing.tariffs = after, tariffs
        known = {**specs(before), **self.hub.cell.catalog.outgoing}
        self.hub.cell.catalog.removed({name: known[name] for name in known.keys() - specs(after).keys()})
        self.feed.look_anew()
        log.info("the catalog was read again: %s", difference(before, after))
        await self._workers()
        self.told()  # after that, as a worker answers with how its models are

    def told(self) -> None:
        """Workers are handed the catalog, and the other replicas hear which one this is."""
        text = write(self.catalog.now)
        if len(text) > MAX_CHARS:
            log.warning("the catalog is too large to be handed to workers: each needs the file itself, as --catalog")
        self.hub.cell.catalog.hand_out(HandedCatalog(text=text) if len(text) <= MAX_CHARS else None)
        if isinstance(self.hub.dispatch, Replica):
            self.hub.dispatch.catalog = fingerprint(text)

    async def _workers(self) -> None:
        """Look again at what workers have offered, and tell those of which less is taken than before."""
        cell = self.hub.cell.catalog
        for number, (session, said) in enumerate(list(self.hub.said.items())):
            hello, told = taken(said.hello, self.catalog.now, cell.outgoing)
            for sentence in told:
                if sentence not in said.told:
                    self.hub.tell(session, Error(code=ErrorCode.MODEL_NOT_FOUND, message=sentence))
            if session in self.hub.said:
                self.hub.said[session] = replace(said, told=told)
                cell.offers(session, hello, self.hub.now())
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0)
