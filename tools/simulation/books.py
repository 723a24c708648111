"""The database of one world, which outlives its coordinators: the money of its jobs, and whose the artefacts are.

Everything of it is real but for the queue in front of the ledger. Its keys are drawn anew by each process, so nothing
of it is noted in the history of a world.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from sqlalchemy import select

from coordinator.accounts.accounts import KeyRequest, create_key
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.rows import AccountRow, add_account
from coordinator.artefact import Artefact
from coordinator.artefacts import rows
from coordinator.artefacts.rows import Room, Row
from coordinator.billing.billing import Billing, OpenBill, ProgressOf
from coordinator.ledger.audit import check
from coordinator.ledger.commit import apply, commit
from coordinator.ledger.grants import balances_of, starter
from coordinator.ledger.orders import Answer, Order
from coordinator.ledger.pricing import Tariff, Units
from coordinator.ledger.recovery import recover
from coordinator.ledger.usage import read
from coordinator.request import ClientRequest
from coordinator.store.database import Database
from coordinator.store.media_tables import artefacts
from coordinator.store.tables import holds
from tools.simulation import orders
from tools.simulation.commissions import PAINTER, Commission
from tools.simulation.patrons import Patrons

CLIENTS = ("account0", "account1", "account2")
OWNER = "gpus"  # of all workers
BALANCE = 10**9
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a folder whose files are on no disk: nothing waits for one
SHARE_BPS = 7000
TARIFFS = {PAINTER.id: Tariff(1, 0, PAINTER.price), orders.MODEL: Tariff(1, 300, 900)}


class Writer:
    """The ledger's writer without its queue: each order is carried out at once."""

    full, healthy = False, True

    def __init__(self, database: Database) -> None:
        self._database = database

    async def ask(self, order: Order) -> Answer:
        return commit(self._database, [order])[0]

    def put(self, order: Order) -> None:
        commit(self._database, [order])


class Books:
    """`broken`: the chance that an upload breaks on its way, at this moment. `cut_off`: the attempts in whose upload a
    coordinator has ended: of what was stored by then nobody could be told."""

    def __init__(self) -> None:
        content, self._keys = empty()
        self._opened = ExitStack()
        file = Path(self._opened.enter_context(TemporaryDirectory(dir=MEMORY))) / "world.db"
        file.write_bytes(content)
        self._database = Database(file)
        self._opened.callback(self._database.close)
        self._runner = self._opened.enter_context(asyncio.Runner())
        self.broken = 0.0
        self.cut_off: set[str] = set()
        self._starts()

    def close(self) -> None:
        self._opened.close()

    def starts(self) -> None:
        """Another coordinator takes over: what the one before held is settled, or given back."""
        recover(self._database, SHARE_BPS, 1)
        self._starts()

    def _starts(self) -> None:
        self._billing = Billing(cast(Any, Writer(self._database)), TARIFFS, Units(10**7), SHARE_BPS)

    # ---- while it runs -------------------------------------------------------------------------------------------

    def open(self, name: str, job: ClientRequest, account: str) -> OpenBill:
        principal = Principal(self._keys[account], account, ("client",), ())
        return self._runner.run(self._billing.open(name, job, principal, None, None))

    def look(self, progress: ProgressOf, now: float) -> None:
        self._billing.look(progress, now)

    def found(self, attempt: str) -> Row | None:
        return rows.find_of_job(self._database, attempt)

    def keep(self, made: Artefact, account: str, attempt: str, sent: str) -> None:
        rows.add(self._database, Row(made, account, "made", sent, attempt), Room())

    def remove(self, made: Artefact, account: str) -> None:
        rows.remove(self._database, account, made.id)

    # ---- checking ------------------------------------------------------------------------------------------------

    def violations(self, patrons: Patrons, commissions: dict[str, Commission]) -> Iterator[str]:
        """To be asked when no job is left."""
        yield from check(self._database)
        held = self._database.query(select(holds.c.job).where(holds.c.state == "held"))
        yield from (f"{job}: its money is held still" for (job,) in held)
        yield from balances(self._database)
        yield from self._paid(patrons)
        yield from self._owned(patrons, commissions)

    def _paid(self, patrons: Patrons) -> Iterator[str]:
        """What a client was told of is paid once, and nothing else is. Of what was lost with a coordinator no more is
        paid than its client had."""
        paid: dict[str, int] = {}
        for row in read(self._database):
            if row.kind is not None:
                paid[row.request or ""] = paid.get(row.request or "", 0) + row.cost_nano
        for request, makings in patrons.requests().items():
            units = makings[0].job.units * PAINTER.price
            owed, has = units * sum(bool(making.made) for making in makings), paid.pop(request, 0)
            lost = any(making.lost for making in makings)
            if has > owed or (has < owed and not lost):
                yield f"{request}: {has} were paid for {owed}"
        yield from (f"{request}: nobody asked for it, and {cost} were paid" for request, cost in paid.items())

    def _owned(self, patrons: Patrons, commissions: dict[str, Commission]) -> Iterator[str]:
        """Each artefact is the account's that asked for it and is what it asked for, and its client was told of it,
        unless that was cut off; and what a client was told of is there."""
        found: dict[str, list[str]] = {}
        for row in self._database.query(select(artefacts)):
            job = row.job.rpartition("/")[0]
            commission = commissions[job]
            if row.job not in self.cut_off:
                found.setdefault(job, []).append(row.id)
            if (row.account, row.sha256) != (commission.spec.account, commission.made):
                yield f"{row.job}: {row.account} has {row.sha256}"
        for job, making in patrons.makings.items():
            has, told = found.get(job, []), [artefact.id for artefact in making.made]
            if has != told:
                yield f"{job}: its client was told of {told}, and has {has}"


def balances(database: Database) -> Iterator[str]:
    """Nobody has more or less than what was given to all, less what was used."""
    costs = dict.fromkeys(CLIENTS, 0)
    for row in read(database):
        costs[row.account] += row.cost_nano
    for account, cost in costs.items():
        spark = balances_of(database, account)["spark"]
        if (spark.held, spark.available) != (0, BALANCE - cost):
            yield f"{account} used {cost}, has {spark.available} and {spark.held} held"


@cache
def empty() -> tuple[bytes, dict[str, str]]:
    """A database with the accounts of all worlds, and the id of a key of each. Made once: migrations take a while."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        database = Database(file)
        with database.transaction() as connection:
            for account in (*CLIENTS, OWNER):
                add_account(connection, AccountRow(account, account, 1))
            apply(connection, [starter(account, BALANCE, 1) for account in CLIENTS])
        keys = {
            account: create_key(database, b"p" * 32, KeyRequest("k", account), 1)[1].id for account in (*CLIENTS, OWNER)
        }
        database.close()
        return file.read_bytes(), keys


def artefact(attempt: str, data: bytes) -> Artefact:
    """What is known of a file that was verified. Its id is drawn by lot in truth."""
    name = sha256(attempt.encode()).hexdigest()[:22]
    return Artefact(name, sha256(data).hexdigest(), "image/png", len(data), made_ms=1, expires_ms=2**41)
