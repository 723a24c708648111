"""Several replicas book in one PostgreSQL at the same time, each in a thread of its own, and die, hang and collide.

Between any two statements a replica may die, what it was writing with it, and a new one starts in its place. Or the
statement fails as one that deadlocks does. Or the others take a replica for dead that lives, end what it holds, or take
over what it was asked under an Idempotency-Key. All of them mature, promote and bury at any time.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock, Thread
from typing import Any, TypeVar

from sqlalchemy import event, select

from coordinator.clock import DAY_MS
from coordinator.ledger.audit import check
from coordinator.ledger.budget import Budget
from coordinator.ledger.claim_rows import find
from coordinator.ledger.commit import commit
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import bonus, grant, spend_credit, spend_earned
from coordinator.ledger.orders import (
    Answer,
    Capped,
    Checkpoint,
    Claim,
    Counted,
    Done,
    Held,
    Hold,
    Keep,
    Order,
    Release,
    Settle,
    Taken,
)
from coordinator.ledger.pricing import Served, bill
from coordinator.ledger.recovery import bury
from coordinator.store import replicas, tables
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from tests.coordinator.ledger.builders import TARIFF, Client, client, usage
from tests.coordinator.ledger.promoted import promote

SHARE = 7000
KEYS = 40
CAP_DAY, CAP_MONTH = 1_200_000, 4_000_000
BUDGET = Budget(40_000)
KINDS = ("crash", "deadlock", "fenced", "taken", "took over", "capped")  # what a storm is to have seen
DEADLOCK = "DO $$ BEGIN RAISE EXCEPTION 'deadlock' USING ERRCODE = '40P01'; END $$"

T = TypeVar("T")


class Crash(BaseException):
    """The process dies here: nothing of it may catch this."""


@dataclass
class World:
    """What all threads share."""

    url: str
    clients: list[Client]
    workers: list[Client]
    now: int = 1000
    count: int = 0
    seen: Counter[str] = field(default_factory=Counter)  # what happened, by its name
    alive: dict[str, set[str]] = field(default_factory=dict)  # the ids of each replica that lives, by its place
    owners: dict[str, str] = field(default_factory=dict)  # the replica that a job was first held for
    due: dict[str, set[int]] = field(default_factory=dict)  # what a job may have cost
    lock: Lock = field(default_factory=Lock)

    def may_cost(self, job: str, nano: int) -> None:
        with self.lock:
            self.due.setdefault(job, {0}).add(nano)


@dataclass
class Job:
    who: Client
    hold: Hold
    delivered: dict[str, int] = field(default_factory=dict)

    def cost(self, prompt: int) -> int:
        tokens = sum(self.delivered.values())
        return min(prompt, 50) * TARIFF.prompt + tokens * TARIFF.completion if tokens else 0


class Storming:
    """One place where replicas run, one after the other."""

    def __init__(self, world: World, name: str, seed: int, crashes: int) -> None:
        self.world, self.name, self.crashes = world, name, crashes
        self.random = random.Random(seed)
        self.running: dict[str, Job] = {}
        self.armed = False
        self.database = self._open()

    def _open(self) -> Database:
        database = Database(self.world.url, serve=True, shared=True, name=self.name)
        engine = database._connection.engine
        event.listen(engine, "before_cursor_execute", self._statement, retval=True)
        event.listen(engine, "commit", lambda *_: self._point())
        return database

    def _point(self) -> None:
        if self.armed and self.random.randrange(1000) < self.crashes:
            raise Crash

    def _statement(self, connection: Any, cursor: Any, statement: str, parameters: Any, *more: Any) -> tuple[str, Any]:
        self._point()
        if self.armed and self.random.randrange(1000) < self.crashes and not more[-1]:
            self.world.seen["deadlock"] += 1
            return DEADLOCK, ()
        return statement, parameters

    def do(self, work: Callable[..., T], *args: Any) -> T | None:
        """None: the replica died over it, and all that it ran with it. What it ran is left to the others."""
        try:
            while True:
                try:
                    self.armed = True
                    return work(self.database, *args)
                except Unavailable as error:
                    self.world.seen[type(error).__name__] += 1
        except Crash:
            self.armed = False
            self.world.seen["crash"] += 1
            self.running.clear()
            self.database._connection.invalidate()
            self.database._opened.close()
            self.database = self._open()
            return None
        finally:
            self.armed = False
            self.world.alive[self.name] = set(self.database.identity.own)

    def run(self, operations: int) -> None:
        """Goes on, ten times as long at most, while some kind of trouble has not come yet: they come by chance."""
        while self.world.count < operations or (
            self.world.count < 10 * operations and not all(self.world.seen[kind] for kind in KINDS)
        ):
            self.world.now += self.random.randrange(500)
            draw = self.random.random()
            if draw < 0.06:
                self._maintain()
            elif draw < 0.08:
                self._take_for_dead()
            else:
                self._group(self.random.choice((1, 1, 2, 5, 20)))

    def _maintain(self) -> None:
        self.world.now += self.random.choice((0, DAY_MS))
        self.do(mature, Terms(5.0, 2), self.world.now)
        self.do(promote, BUDGET, self.world.now)
        self.do(bury, SHARE, self.world.now, self.random.sample(self._dead(), k=self.random.choice((0, 1))))

    def _dead(self) -> list[str]:
        alive = set().union(*self.world.alive.values())
        return [row.id for row in self.database.query(select(tables.replicas.c.id)) if row.id not in alive] or [""]

    def _take_for_dead(self) -> None:
        """Whoever has died; and now and then one that lives, as if it had hung."""

        def end(database: Database) -> None:
            alive = set().union(*self.world.alive.values())
            with database.transaction() as connection:
                for replica, seen in replicas.beats(connection).items():
                    fenced = replica in alive and self.random.random() < 0.1
                    if fenced or (replica not in alive and self.random.random() < 0.7):
                        self.world.seen["fenced"] += replicas.end(connection, replica, seen) and fenced

        self.do(end)
        self.do(lambda database: bury(database, SHARE, self.world.now, ()))

    # ---- orders --------------------------------------------------------------------------------------------------

    def _group(self, size: int) -> None:
        orders: list[Order] = []
        busy: set[str] = set()
        for _ in range(size):
            orders += self._orders(busy)
        again = [order for order in orders if self.random.random() < 0.1]  # told twice
        with self.world.lock:
            self.world.count += len(orders)
        answers = self.do(lambda database: commit(database, [*orders, *again]))
        for order, answer in zip([*orders, *again], answers or (), strict=False):
            self._heard(order, answer)

    def _orders(self, busy: set[str]) -> list[Order]:
        free = [name for name in self.running if name not in busy]
        draw = self.random.random()
        if draw < 0.1:
            return [self._transfer(draw)]
        if draw < 0.5 or not free:
            order = self._hold()
            if order.job in busy or order.job in self.running:
                return []
            busy.add(order.job)
            return [order]
        name = self.random.choice(free)
        busy.add(name)
        return [self._checkpoint(name)] if draw < 0.7 else self._settle(name)

    def _transfer(self, draw: float) -> Order:
        now, who = self.world.now, self.random.choice(self.world.clients)
        owner = self.random.choice(self.world.workers)
        if draw < 0.03:
            return bonus(who.account, 1000, now)
        if draw < 0.07:
            return grant(who.account, "sogni", self.random.randrange(500_000), now, "deposit", "")
        spend = spend_earned if draw < 0.085 else spend_credit
        return spend(owner.account, "spark", self.random.randrange(20_000), now)

    def _hold(self) -> Hold:
        """Half of them come with a key of few, which other replicas are asked under too."""
        now, who = self.world.now, self.random.choice(self.world.clients)
        tokens, claim = self.random.randrange(400), None
        name = f"{self.name}-{self.random.randrange(10**12)}"
        if self.random.random() < 0.5:
            key, attempt = f"k{self.random.randrange(KEYS)}", self.world.count // 500
            dead = self._gone(who.account, key)
            name = f"{who.account}-{key}-{attempt}"
            claim = Claim(who.account, key, "f", attempt, now, dead)
            tokens = 100
        nano = 50 * TARIFF.prompt + tokens * TARIFF.completion
        counted = (Counted(who.key), Counted("all", CAP_DAY, CAP_MONTH)) if who in self.world.clients[:2] else ()
        plain = Hold(name, who.account, who.key, "m", True, TARIFF, 50, "auto", nano, now, now + 10**9, claim=claim)
        return replace(plain, counted=counted)

    def _gone(self, account: str, key: str) -> str | None:
        """The replica whose client asked under the key, if it is dead: as the next one that is asked finds it."""
        found = self.do(find, account, key)
        alive = set().union(*self.world.alive.values())
        return found.claimed.edge if found and not found.own and found.claimed.edge not in alive else None

    def _checkpoint(self, name: str) -> Checkpoint:
        job = self.running[name]
        most = (job.hold.nano - 50 * TARIFF.prompt) // TARIFF.completion
        for _ in range(self.random.randrange(3)):
            worker = f"{self.random.choice(self.world.workers).account}/box"
            more = self.random.randrange(most - sum(job.delivered.values()) + 1)
            job.delivered[worker] = job.delivered.get(worker, 0) + more
        prompt = self.random.randrange(1, 100)
        served = {worker: tokens for worker, tokens in job.delivered.items() if tokens}
        self.world.may_cost(name, job.cost(prompt))
        return Checkpoint(name, tuple(served.items()), ((next(iter(served)), prompt),) if served else ())

    def _settle(self, name: str) -> list[Order]:
        job, prompt = self.running[name], self.random.randrange(100)
        served = Served(prompt, f"{self.world.workers[0].account}/box", tuple(job.delivered.items()))
        choices = [served if job.delivered else Served(0, None, ())]
        found = bill(TARIFF, 50, job.hold.nano, choices, job.who.account, SHARE)
        self.world.may_cost(name, found.charge)
        row = usage(job.who, name, found.charge, self.world.now, completion=sum(job.delivered.values()))
        settle = Settle(name, found.charge, found.payees, (row,), self.world.now)
        claim = job.hold.claim
        if claim is None:
            return [settle]
        end = Keep(claim.account, claim.key, "", b"", "[]", self.world.now)
        return [settle, end if found.charge else Release(claim.account, claim.key)]

    def _heard(self, order: Order, answer: Answer) -> None:
        if isinstance(order, Settle):
            self.running.pop(order.job, None)
        if not isinstance(order, Hold):
            return
        if isinstance(answer, Held):
            who = next(each for each in self.world.clients if each.account == order.account)
            self.running.setdefault(order.job, Job(who, order))
            self._first(order)
        elif isinstance(answer, Taken):
            self.world.seen["taken"] += 1
        elif isinstance(answer, Capped):
            self.world.seen["capped"] += 1
        elif isinstance(answer, Done) and order.claim is not None:
            self.world.seen["over"] += 1

    def _first(self, order: Hold) -> None:
        """Nobody runs what another replica runs, unless it said that this one is dead."""
        with self.world.lock:
            first = self.world.owners.setdefault(order.job, self.database.replica)
            if first not in self.database.identity.own:
                assert order.claim is not None and order.claim.instead_of is not None, order
                self.world.seen["took over"] += 1


def storm(url: str, seed: int, operations: int, crashes: int = 4, places: int = 3) -> Counter[str]:
    """Returns what happened. At the end everything is looked at."""
    setup = Database(url)
    clients = [client(setup, f"c{n}", 2_000_000) for n in range(4)]
    workers = [client(setup, f"w{n}", 0) for n in range(3)]
    world = World(url, clients, workers)
    storming = [Storming(world, f"p{n}", seed * 100 + n, crashes) for n in range(places)]
    failed: list[BaseException] = []

    def run(one: Storming) -> None:
        try:
            one.run(operations)
        except BaseException as error:
            failed.append(error)
            world.count = 10 * operations
            raise

    threads = [Thread(target=run, args=(one,)) for one in storming]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in storming:
        one.database.close()
    assert not failed, failed
    with setup.transaction() as connection:
        replicas.end_all(connection)
    bury(setup, SHARE, world.now, ())
    found = check(setup)
    assert found == [], found
    for row in setup.query(select(tables.key_spend).where(tables.key_spend.c.counter == "all")):
        assert 0 <= row.nano <= (CAP_DAY if len(row.period) == 10 else CAP_MONTH), row
    for row in setup.query(select(tables.holds)):
        assert row.state != "held", row
        assert row.charge in world.due.get(row.job, {0}), (row, world.due.get(row.job))
    setup.close()
    world.seen["orders"] = world.count
    return world.seen
