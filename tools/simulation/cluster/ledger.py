"""The database of a cluster, and what each replica has of it: its bills, its beat, and its eye on the beats of others.

All of it is real but for the queue in front of the ledger, and that it is SQLite, which one thread may open as often
as it likes.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import select

from coordinator.accounts.keys_in_use import Principal
from coordinator.billing.billing import Billing, OpenBill, ProgressOf
from coordinator.dispatch.effects import Failed
from coordinator.ledger.audit import check
from coordinator.ledger.commit import commit
from coordinator.ledger.orders import Answer, Claim, Order, UsageRow
from coordinator.ledger.pricing import Units
from coordinator.ledger.recovery import bury
from coordinator.ledger.usage import read
from coordinator.request import ClientRequest
from coordinator.scheduler.state import JobSpec
from coordinator.store import replicas, tables
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from coordinator.store.replicas import Stillness
from tools.simulation.books import MEMORY, SHARE_BPS, TARIFFS, balances, empty
from wire.errors import ErrorCode

if TYPE_CHECKING:
    from tools.simulation.history import History, Story


class Ledger:
    """`away`: it answers nobody at this moment."""

    def __init__(self) -> None:
        content, self._keys = empty()
        self._opened = ExitStack()
        self._file = Path(self._opened.enter_context(TemporaryDirectory(dir=MEMORY))) / "world.db"
        self._file.write_bytes(content)
        self._database = Database(self._file)
        self._opened.callback(self._database.close)
        self._runner = self._opened.enter_context(asyncio.Runner())
        self.away = False
        self._desks: list[Desk] = []
        self.owners: dict[str, str] = {}  # as whom each replica writes
        self.edges: dict[str, str] = {}  # of each request: the replica that set its money aside last
        self.unsure: set[str] = set()  # replicas that were taken for dead as they slept, or died with orders to write

    def close(self) -> None:
        self._opened.close()

    def desk(self, replica: str, name: str) -> "Desk":
        """What a replica that starts has of it."""
        database = self._opened.enter_context(closing(Database(self._file)))
        database.shared = True
        with self._database.transaction() as connection:
            database.identity = replicas.join(connection, name)
        self.owners[replica] = database.identity.owner
        desk = Desk(self, database, replica)
        self._desks.append(desk)
        return desk

    def principal(self, account: str) -> Principal:
        return Principal(self._keys[account], account, ("client",), ())

    def run(self, opening: Coroutine[Any, Any, OpenBill]) -> OpenBill:
        return self._runner.run(opening)

    # ---- checking ------------------------------------------------------------------------------------------------

    def violations(self, history: "History") -> Iterator[str]:
        """To be asked when no job is left."""
        yield from check(self._database)
        yield from balances(self._database)
        known = {row.id for row in self._database.query(select(tables.replicas.c.id))}
        for row in self._database.query(select(tables.holds)):
            if row.state == "held":
                yield f"{row.job}: its money is held still"
            if row.owner not in known:
                yield f"{row.job}: its hold is nobody's"
        for desk in self._desks:
            if desk.database.identity.former and desk.replica not in self.unsure:
                yield f"{desk.replica} was taken for dead, and it lived"
        rows: dict[str, list[UsageRow]] = {}
        for used in read(self._database):
            rows.setdefault(used.request or "", []).append(used)
        last = {job.partition(".")[0]: (job, story) for job, story in history.stories.items()}
        for request, (job, story) in last.items():
            edges = {job.rpartition(".")[2], self.edges.get(request)}
            yield from _billed(job, story, rows.pop(request, []), not edges.isdisjoint(self.unsure))
        yield from (f"{request}: nobody asked for it, and it was paid" for request in rows)


def _billed(job: str, story: "Story", counted: list[UsageRow], unsure: bool) -> Iterator[str]:
    """What a client was given is counted once. Of what was lost with its replica, or ended by others, who took it
    for dead as it slept, no more is counted than was given."""
    how, event = story.ends[0][1:] if story.ends else ("", None)
    given, ends = len(story.tokens), sum(row.completion for row in counted)
    is_poison = isinstance(event, Failed) and event.error.code is ErrorCode.POISON_REQUEST
    if is_poison and any(row.cost_nano for row in counted) and not unsure:
        yield f"{job}: poison, and it was paid"
    if len(counted) > 1:
        yield f"{job}: ended {len(counted)} times in the books"
    if ends > given or (ends < given and how != "lost" and not unsure):
        yield f"{job}: {ends} tokens are in the books, {given} were given ({how})"


@dataclass
class Desk:
    """One replica's."""

    ledger: Ledger
    database: Database
    replica: str
    billing: Billing = field(init=False)
    stillness: Stillness = field(default_factory=Stillness)
    _queue: list[Order] = field(default_factory=list)

    full = False  # the queue

    @property
    def healthy(self) -> bool:
        return not self.ledger.away

    def __post_init__(self) -> None:
        self.billing = Billing(cast(Any, self), TARIFFS, Units(10**7), SHARE_BPS, self.replica)

    def open(self, name: str, job: ClientRequest, spec: JobSpec, instead_of: str | None) -> OpenBill:
        """Raises SupernetError, and what tells that it is paid for already."""
        edge = None if instead_of is None else self.ledger.owners[instead_of]
        claim = Claim(spec.account, name, "", 0, 1, edge) if spec.stays else None
        bill = self.ledger.run(self.billing.open(name, job, self.ledger.principal(spec.account), claim, None))
        self.ledger.edges[name] = self.replica
        return bill

    def look(self, progress: ProgressOf, now: float) -> None:
        self.billing.look(progress, now)

    @property
    def behind(self) -> bool:
        """Whether there are orders that are not written."""
        return bool(self._queue)

    def beat(self) -> None:
        """Say that the replica lives, and end what the dead have left."""
        if self.ledger.away:
            return
        self._write()
        with self.database.transaction() as connection:
            replicas.beat(connection, self.database.identity)
            beats = replicas.beats(connection)
        dead = self.stillness.look(beats)
        if dead:
            with self.database.transaction() as connection:
                for replica, seen in dead.items():
                    replicas.end(connection, replica, seen)
            bury(self.database, SHARE_BPS, 1, ())

    # ---- as the ledger's writer ----------------------------------------------------------------------------------

    async def ask(self, order: Order) -> Answer:
        if self.ledger.away:
            raise Unavailable("it is away")
        self._write()
        return commit(self.database, [order])[0]

    def put(self, order: Order) -> None:
        self._queue.append(order)
        self._write()

    def _write(self) -> None:
        if not self.ledger.away and self._queue:
            queue, self._queue = self._queue, []
            commit(self.database, queue)
