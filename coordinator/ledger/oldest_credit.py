"""Which credit is the oldest: what a day's promotion budget goes to first. Read in bounded steps, beside the work.

What has been spent or paid out of an account's credit was its oldest, so what it has left are its newest earnings: its
rows are read from the newest back until they make up its credit. Of these only the oldest are kept, as many as an
account may be paid on a day.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Select, select, tuple_

from coordinator.ledger.budget import Budget
from coordinator.ledger.pricing import Currency
from coordinator.store.database import Database
from coordinator.store.tables import accounts, balances, earnings

ROWS = 5_000  # of one step
MOST_LOTS = 200_000  # that are kept, of all accounts and of one: the oldest, 60 MB; those behind them come later
ACCOUNTS = 500


class Lot(NamedTuple):
    """What is left of one earning as credit. Lots sort by age."""

    matured_ms: int
    id: int
    account: str
    currency: Currency
    nano: int


@dataclass
class _Account:
    """How far one account has been read. `left`: credit whose earnings have not been found yet, by currency."""

    id: str
    left: dict[str, int] = field(default_factory=dict)
    before: tuple[int, int] | None = None  # the oldest row that was read
    lots: deque[Lot] = field(default_factory=deque)  # the newest first
    nano: int = 0  # of these


@dataclass
class OldestCredit:
    """`lots`: once there is no further step, the oldest credit of all accounts, as far as the budget goes."""

    budget: Budget
    lots: list[Lot] = field(default_factory=list)
    _waiting: deque[_Account] | None = None

    def step(self, database: Database) -> bool:
        """Read some more; whether there is a further step. Raises StoreError."""
        if self._waiting is None:
            self._waiting = deque(_with_credit(database))
        rows = seen = 0
        while self._waiting and rows < ROWS and seen < ACCOUNTS:
            one = self._waiting[0]
            found = database.query(_page(one))
            self._take(one, found)
            rows, seen = rows + len(found), seen + 1
            if len(found) < ROWS or not any(one.left.values()):
                self._waiting.popleft()
                self.lots += one.lots
        self._trim()
        return bool(self._waiting)

    def _take(self, one: _Account, rows: Any) -> None:
        most = self.budget.account_nano
        for matured_ms, number, currency, given in rows:
            one.before = matured_ms, number
            nano = min(given, one.left.get(currency, 0))
            if not nano:
                continue
            one.left[currency] -= nano
            one.lots.append(Lot(matured_ms, number, one.id, currency, nano))
            one.nano += nano
            while one.nano > most or len(one.lots) > MOST_LOTS:
                newest = one.lots.popleft()
                over = newest.nano if len(one.lots) >= MOST_LOTS else min(newest.nano, one.nano - most)
                one.nano -= over
                if over < newest.nano:
                    one.lots.appendleft(newest._replace(nano=newest.nano - over))

    def _trim(self) -> None:
        """Keep what the budget reaches."""
        self.lots.sort()
        del self.lots[MOST_LOTS:]
        whole = 0
        for place, lot in enumerate(self.lots):
            whole += lot.nano
            if whole >= self.budget.nano:
                del self.lots[place + 1 :]
                return


def _with_credit(database: Database) -> list[_Account]:
    """Accounts that have credit and may be paid."""
    wanted = select(balances.c.owner, balances.c.currency, balances.c.nano)
    wanted = wanted.where(balances.c.kind == "credit", balances.c.nano > 0)
    wanted = wanted.join(accounts, (accounts.c.id == balances.c.owner) & accounts.c.disabled.is_(False))
    found: dict[str, _Account] = {}
    for account, currency, nano in database.query(wanted):
        found.setdefault(account, _Account(account)).left[currency] = int(nano)
    return list(found.values())


def _page(one: _Account) -> Select[Any]:
    """Rows of an account that became credit, the newest first: the end of an index."""
    age = earnings.c.matured_ms, earnings.c.id
    rows = select(*age, earnings.c.currency, earnings.c.given)
    rows = rows.where(earnings.c.account == one.id, earnings.c.given > 0, earnings.c.matured_ms.is_not(None))
    if one.before is not None:
        rows = rows.where(earnings.c.matured_ms <= one.before[0], tuple_(*age) < tuple_(*one.before))
    return rows.order_by(*(column.desc() for column in age)).limit(ROWS)
