"""What operators order of workers, from the database to the workers of this replica: looked at once a second."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

from coordinator.clock import now_ms
from coordinator.hub.hub import Hub
from coordinator.operating.worker_orders import OrderRow, standing
from coordinator.scheduler.state import WorkerOrder
from coordinator.store.errors import StoreError
from coordinator.store.store import Store

log = logging.getLogger("supernet.operating")

LOOK_S = 1.0


@dataclass
class OrdersFeed:
    """Tells dispatch of all orders that stand, whichever replica, or command, has written them down."""

    hub: Hub
    store: Store
    rows: Mapping[str, OrderRow] = field(default_factory=dict)

    async def run(self) -> None:
        """Look every LOOK_S seconds, until cancelled. While the database does not answer the orders stay as they are,
        and end when their time is over."""
        while True:
            try:
                await self.refresh()
            except StoreError as error:
                log.error("the orders to workers cannot be read: %s", error)
            await asyncio.sleep(LOOK_S)

    async def refresh(self) -> None:
        """Raises StoreError."""
        at_ms = now_ms()
        rows = await self.store.run(standing, at_ms)
        if rows != self.rows:
            self.rows, now = rows, self.hub.now()
            told = {
                key: WorkerOrder(
                    row.kind, now - (at_ms - row.since_ms) / 1000, now + (row.until_ms - at_ms) / 1000, row.note
                )
                for key, row in rows.items()
            }
            self.hub.cell.orders.given(told, now)
