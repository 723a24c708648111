"""A coordinator with made-up workers: as many as have earned in its database say hello at its start, without sockets.

They are those of the database, with the models of the catalog, have no jobs, and say every few seconds how they are, as
workers do. Run like `python -m coordinator`; the environment's SUPERNET_BENCH_CONNECTED says how many there are.
"""

import asyncio
import os
import socket

from sqlalchemy import select

from coordinator import __main__ as program
from coordinator import server as serving
from coordinator.assembly import Running
from coordinator.hub.hub import Hub
from coordinator.scheduler.state import Peer
from coordinator.store.tables import earnings
from wire.messages import HEARTBEAT_S, Capacity, Hello
from wire.offers import Gpu, Hardware, ModelOffer, ModelState

CONNECTED = "SUPERNET_BENCH_CONNECTED"
SLICES = 50  # of the time between two heartbeats of a worker

_serve = serving.serve


async def _crowded(running: Running, server: serving.Server, listener: socket.socket) -> None:
    hub, model = running.services.hub, running.services.catalog.now.default
    wanted = select(earnings.c.worker).distinct().limit(int(os.environ[CONNECTED]))
    sessions = [_join(hub, row[0], model) for row in running.store.database.query(wanted)]
    beating = asyncio.create_task(_beat(hub, sessions, model))
    try:
        await _serve(running, server, listener)
    finally:
        beating.cancel()


def _join(hub: Hub, key: str, model: str) -> str:
    account, _, name = key.partition("/")
    session = f"{account}.{name}"
    offer = ModelOffer(id=model, context=4096, slots=4)
    hardware = Hardware(cpu="a CPU", gpus=(Gpu(name="a GPU of the bench", memory_bytes=24 << 30),))
    hub.join(
        Hello(worker=name, instance="i", name=name, models=(offer,), hardware=hardware), Peer(session, account, "k")
    )
    hub.received(session, _capacity(model))
    return session


def _capacity(model: str) -> Capacity:
    return Capacity(models=(ModelState(id=model, status="ready", slots=4, free=4),))


async def _beat(hub: Hub, sessions: list[str], model: str) -> None:
    while True:
        for n in range(SLICES):
            for session in sessions[n::SLICES]:
                hub.received(session, _capacity(model))
            await asyncio.sleep(HEARTBEAT_S / SLICES)


if __name__ == "__main__":
    serving.serve = _crowded
    program.main()
