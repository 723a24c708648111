"""An order that anybody has written into the database reaches the workers of a coordinator within a second."""

import asyncio
from contextlib import closing

from coordinator.clock import now_ms
from coordinator.operating.worker_orders import OrderRow, end, order
from coordinator.store.database import Database
from tests.coordinator.conftest import Coordinator, until
from wire import messages as wire


async def test_an_order_of_another_process_is_known_within_a_second_and_so_is_its_end(coordinator: Coordinator) -> None:
    key = f"{coordinator.account}/w1"
    dispatch = coordinator.running.services.hub.cell
    async with coordinator.worker() as worker:
        await worker.join()
        with closing(Database(coordinator.config.db)) as database:
            order(database, OrderRow(key, "rest", now_ms(), now_ms() + 600_000, ""), "command line")
            await until(lambda: key in dispatch.orders.standing())
            assert 590 < dispatch.resting(coordinator.running.services.hub.now())[key] <= 600
            end(database, key, "command line", now_ms())
            await until(lambda: key not in dispatch.orders.standing())
            order(database, OrderRow(key, "away", now_ms(), now_ms() + 600_000, "too hot"), "command line")
        error = await worker.hear(wire.Error)
        assert "too hot" in error.message
        await asyncio.wait_for(worker.socket.wait_closed(), 10)
        assert worker.socket.close_code == 1013
