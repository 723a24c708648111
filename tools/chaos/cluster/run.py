"""A cluster, and one fault after the other, each with clients and an account of its own; and keys that are revoked."""

import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tools.chaos.cluster import figures
from tools.chaos.cluster.faults import FAULTS, Faults
from tools.chaos.cluster.load import STREAMS, load
from tools.chaos.cluster.revocation import revoke
from tools.cluster.books import Used
from tools.cluster.network import Cluster

MEASURED = (*FAULTS, "revoke")
WORKERS, SLOTS, PACE_S = 12, 8, 0.1
SWEPT_S = 90.0  # for the holds of a replica that died to be settled by another one, and all that is due to be written


async def run(folder: Path, faults: Sequence[str], jobs: int, count: int) -> figures.Row:
    """A row for each fault, and under `missed` in words all that is not as it should be."""
    cluster = Cluster(folder)
    try:
        await cluster.start()
        await cluster.start_workers(WORKERS, SLOTS, PACE_S)
        rows = [await one(cluster, fault, jobs, count) for fault in faults]
        wrong = await asyncio.to_thread(cluster.books.wrong)
        missed = [said for row in rows for said in figures.missed(row)]
        return {**{str(row["fault"]): row for row in rows}, "missed": [*missed, *wrong]}
    finally:
        await cluster.close()


async def one(cluster: Cluster, fault: str, jobs: int, count: int, streams: int = STREAMS) -> figures.Row:
    """One fault, `count` times, while at least so many answers are asked for, so many at once."""
    print(f"{fault}", file=sys.stderr, flush=True)
    await cluster.settled(even=True)
    if fault == "revoke":
        return await revoke(cluster, count)
    account = f"client-{fault}"
    key = await cluster.make_key(fault, account, "client")
    faults = Faults(cluster, count)
    acting = asyncio.create_task(getattr(faults, fault)())
    asking = load(cluster.front(key), jobs, lambda: not acting.done(), streams)
    answers, _ = await asyncio.gather(asking, acting)
    cluster.clients.open_all()
    used = await _settled_books(cluster, account)
    return figures.row(fault, answers, faults.moments, used)


async def _settled_books(cluster: Cluster, account: str) -> Used:
    """What is charged, once every hold has its end."""
    deadline = time.monotonic() + SWEPT_S
    while True:
        used = await asyncio.to_thread(cluster.books.used, account)
        if not used.held or time.monotonic() > deadline:
            return used
        await asyncio.sleep(1)
