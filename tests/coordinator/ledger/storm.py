"""The ledger under random orders and crashes, beside a model that is too simple to be wrong.

Between any two statements, and before and after each commit, the process may die: what was being written is written
whole or not at all, the connection is lost, and whoever had not heard gives the order again. A crash of the coordinator
forgets every job that runs; the recovery at its next start bills what the checkpoints say.
"""

import random
from dataclasses import dataclass, field, replace

from sqlalchemy import event, func, select

from coordinator.clock import DAY_MS
from coordinator.ledger.audit import check
from coordinator.ledger.budget import Budget
from coordinator.ledger.commit import commit
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import balances_of, bonus, grant, spend_credit, spend_earned
from coordinator.ledger.orders import (
    Answer,
    Capped,
    Checkpoint,
    Counted,
    Done,
    Held,
    Hold,
    Insufficient,
    Order,
    Settle,
    Transfer,
)
from coordinator.ledger.pricing import Served, TokenType, bill
from coordinator.ledger.recovery import recover
from coordinator.store.database import Database
from coordinator.store.tables import entries, holds, key_spend, promotion_days
from tests.coordinator.ledger.builders import TARIFF, Client, client, usage
from tests.coordinator.ledger.promoted import promote

SHARE = 7000
CAPS = {"day": 1_200_000, "month": 4_000_000}  # of nano-dollars, of the first two clients
GROUPS = (1, 1, 2, 5, 20, 60)
BUDGET = Budget(40_000)


class Crash(Exception):
    """The process dies here."""


@dataclass
class Job:
    """What the world knows of a job."""

    who: Client
    hold: Hold
    delivered: dict[str, int] = field(default_factory=dict)
    marked: dict[str, int] = field(default_factory=dict)  # by the last checkpoint that was written for sure
    prompt: int = 0  # tokens, by that checkpoint


@dataclass
class Storm:
    """`address` of an empty database; `crashes`: how likely a crash is at each point, a thousandth."""

    address: str
    seed: int
    crashes: int = 8

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.armed = False
        self.count = self.crashed = self.capped = 0
        self.now = 1000
        self.running: dict[str, Job] = {}
        self.charges: dict[str, int] = {}  # what every ended job was charged
        self.database = self._open()
        self.clients = [client(self.database, f"c{n}", 2_000_000) for n in range(4)]
        self.workers = [client(self.database, f"w{n}", 0) for n in range(3)]
        self.keys = [f"{owner.account}/box" for owner in (*self.workers, self.clients[0])]
        self.given = {each.account: 2_000_000 for each in self.clients} | {each.account: 0 for each in self.workers}

    def _open(self) -> Database:
        database = Database(self.address, serve=True)
        engine = database._connection.engine
        event.listen(engine, "before_cursor_execute", lambda *_: self._point())
        event.listen(engine, "after_cursor_execute", lambda *_: self._point())
        event.listen(engine, "commit", lambda *_: self._point())
        return database

    def _point(self) -> None:
        if self.armed and self.random.randrange(1000) < self.crashes:
            self.armed = False
            raise Crash

    # ---- giving orders -------------------------------------------------------------------------------------------

    def give(self, orders: list[Order]) -> list[Answer]:
        """Until they are answered, however often the process dies over it."""
        self.count += len(orders)
        while True:
            self.armed = True
            try:
                answers = commit(self.database, orders)
                self._point()  # committed, and nobody has heard
                self.armed = False
                return answers
            except Crash:
                self._reopen()

    def _reopen(self) -> None:
        self.armed = False
        self.crashed += 1
        self.database._connection.invalidate()
        self.database.close()
        self.database = self._open()

    # ---- what happens --------------------------------------------------------------------------------------------

    def run(self, operations: int) -> None:
        """And at the end everything is looked at."""
        checked = 0
        while self.count < operations:
            self.now += self.random.randrange(2000)
            draw = self.random.random()
            if draw < 0.02:
                self._coordinator_dies()
            elif draw < 0.06:
                self._maintain()
            else:
                self._group(self.random.choice(GROUPS))
            if self.count - checked > 5000:
                checked = self.count
                self.verify()
        self._coordinator_dies()
        assert not self.running
        self.verify()
        assert self.crashed > 10

    def _group(self, size: int) -> None:
        orders: list[Order] = []
        busy: set[str] = set()  # one order for each job in a group: what it is about depends on the answer before
        for _ in range(size):
            order = self._order(busy)
            if order is not None:
                orders.append(order)
        again = [order for order in orders if self.random.random() < 0.1]  # told twice
        for order, answer in zip([*orders, *again], self.give([*orders, *again]), strict=True):
            self._heard(order, answer)

    def _order(self, busy: set[str]) -> Order | None:
        free = [name for name in self.running if name not in busy]
        draw = self.random.random()
        if draw < 0.1:
            who = self.random.choice(self.clients)
            if draw < 0.03:
                return bonus(who.account, 1000, self.now)
            if draw < 0.06:
                return grant(who.account, "sogni", self.random.randrange(500_000), self.now, "deposit", "")
            owner = self.random.choice(self.workers)
            if draw < 0.08:
                return grant(owner.account, "spark", self.random.randrange(20_000), self.now, "payout", "")
            spend = spend_earned if draw < 0.09 else spend_credit
            return spend(owner.account, "spark", self.random.randrange(20_000), self.now)
        if draw < 0.45 or not free:
            name = f"j{self.count}-{len(busy)}-{self.random.randrange(10**9)}"
            busy.add(name)
            return self._hold(name)
        name = self.random.choice(free)
        busy.add(name)
        return self._checkpoint(name) if draw < 0.7 else self._settle(name)

    def _hold(self, name: str) -> Hold:
        who = self.random.choice(self.clients)
        tokens = self.random.randrange(400)
        kind: TokenType = self.random.choice(("auto", "auto", "spark", "sogni"))
        nano = 50 * TARIFF.prompt + tokens * TARIFF.completion
        streamed = self.random.random() < 0.7
        capped = who in self.clients[:2]
        counted = (Counted(who.key), Counted("all", *CAPS.values())) if capped else (Counted(who.key),)
        plain = Hold(name, who.account, who.key, "m", streamed, TARIFF, 50, kind, nano, self.now, self.now + 10**9)
        return replace(plain, counted=counted)

    def _checkpoint(self, name: str) -> Checkpoint:
        job = self.running[name]
        most = (job.hold.nano - 50 * TARIFF.prompt) // TARIFF.completion
        for _ in range(self.random.randrange(3)):
            worker = self.random.choice(self.keys)
            more = self.random.randrange(most - sum(job.delivered.values()) + 1)
            job.delivered[worker] = job.delivered.get(worker, 0) + more
        prompts = ((self.random.choice(self.keys), self.random.randrange(1, 100)),) if job.delivered else ()
        return Checkpoint(name, tuple(job.delivered.items()), prompts)

    def _settle(self, name: str) -> Settle:
        job = self.running[name]
        prompt = self.random.randrange(100)
        served = Served(prompt, self.random.choice(self.keys), tuple(job.delivered.items()))
        nothing = self.random.random() < 0.2
        choices = [Served(0, None, ())] if nothing else [served]
        found = bill(TARIFF, 50, job.hold.nano, choices, job.who.account, SHARE)
        row = usage(job.who, name, found.charge, self.now, completion=sum(job.delivered.values()))
        return Settle(name, found.charge, found.payees, (row,), self.now)

    def _heard(self, order: Order, answer: Answer) -> None:
        match order:
            case Hold():
                if isinstance(answer, Held) and order.job not in self.charges:
                    who = next(each for each in self.clients if each.account == order.account)
                    assert sum(answer.amounts.values()) == order.nano
                    self.running.setdefault(order.job, Job(who, order))
                else:
                    assert isinstance(answer, Insufficient | Capped | Done)
                    self.capped += isinstance(answer, Capped)
            case Checkpoint():
                if order.job in self.running:
                    job = self.running[order.job]
                    job.marked, job.prompt = dict(order.served), sum(tokens for _, tokens in order.prompts)
            case Settle():
                assert isinstance(answer, Done)
                if self.running.pop(order.job, None) is not None:
                    self.charges[order.job] = order.charge
            case Transfer():
                pass  # the checker knows that the sums are right, and no balance below zero

    def _coordinator_dies(self) -> None:
        """Some checkpoint is the last; the next start bills it."""
        self._reopen()
        while True:
            self.armed = True
            try:
                recover(self.database, SHARE, self.now)
                self.armed = False
                break
            except Crash:
                self._reopen()
        for name, job in self.running.items():
            bills = job.hold.streamed and any(job.marked.values())
            cost = min(job.prompt, 50) * TARIFF.prompt + sum(job.marked.values()) * TARIFF.completion
            self.charges[name] = cost if bills else 0
        self.running.clear()

    def _maintain(self) -> None:
        self.now += self.random.choice((0, DAY_MS))
        while True:
            self.armed = True
            try:
                mature(self.database, Terms(5.0, 2), self.now)
                promote(self.database, BUDGET, self.now)
                self.armed = False
                return
            except Crash:
                self._reopen()

    # ---- what must be true ---------------------------------------------------------------------------------------

    def verify(self) -> None:
        """All invariants, and every charge is what the model says: the delivered tokens and the prompt, once."""
        assert check(self.database) == []
        rows = {row.job: row for row in self.database.query(select(holds))}
        for name, charge in self.charges.items():
            row = rows[name]
            assert (row.charge, row.state) == (charge, "settled" if charge else "void"), name
        assert {name for name, row in rows.items() if row.state == "held"} == set(self.running)
        for each in (*self.clients, *self.workers):
            for balance in balances_of(self.database, each.account).values():
                assert min(balance.given, balance.held, balance.escrow, balance.credit, balance.earned) >= 0
                assert balance.available >= balance.given
        for row in self.database.query(select(key_spend).where(key_spend.c.counter == "all")):
            assert 0 <= row.nano <= CAPS["day" if len(row.period) == 10 else "month"], row
        assert self._booked("payout:%", "earned") <= self._booked("deposit:%", "funded") + self._promotions()

    def _booked(self, journal: str, kind: str) -> int:
        """What journals of a name moved of one kind, in either direction: they tell of themselves."""
        nano = select(func.sum(entries.c.nano)).where(entries.c.journal.like(journal), entries.c.kind == kind)
        return abs(int(self.database.query(nano)[0][0] or 0))

    def _promotions(self) -> int:
        """The most that the operator wanted to pay of its own."""
        return BUDGET.nano * len(self.database.query(select(promotion_days.c.day)))

    def close(self) -> None:
        self.database.close()
