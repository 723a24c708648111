"""Double entry, pure: a group of orders against balances that were read, and what has to be written for them.

Every journal adds up to zero in each currency. A job has at most one hold; a hold ends in exactly one of settled and
void; nothing but the sources goes below zero.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, assert_never

from coordinator.ledger.orders import (
    PLATFORM,
    SOURCES,
    Answer,
    Checkpoint,
    Done,
    Held,
    Hold,
    Order,
    Purse,
    Settle,
    Short,
    Transfer,
    UsageRow,
)
from coordinator.ledger.pricing import CURRENCIES, Currency, Payee, split, take

State = Literal["held", "settled", "void"]


@dataclass
class HoldState:
    """What is known of a job's hold, and what has become of it."""

    account: str
    held: dict[Currency, int]
    state: State = "held"
    charge: int | None = None
    ended_ms: int | None = None
    served: tuple[tuple[str, int], ...] = ()
    order: Hold | None = None  # of a new one


@dataclass(frozen=True)
class Journal:
    id: str
    at_ms: int
    note: str
    entries: tuple[tuple[Purse, int], ...]


@dataclass(frozen=True)
class Earning:
    job: str
    worker: str
    account: str
    currency: Currency
    nano: int
    at_ms: int


@dataclass
class Book:
    """Balances, holds and journals that the orders of a group touch. What is not there does not exist."""

    balances: dict[Purse, int]
    holds: dict[str, HoldState]
    known: set[str]  # ids of journals of transfers that are done
    journals: list[Journal] = field(default_factory=list)
    earnings: list[Earning] = field(default_factory=list)
    usage: list[UsageRow] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)  # jobs whose hold is new or different

    def carry_out(self, order: Order) -> Answer:
        match order:
            case Hold():
                return self._hold(order)
            case Settle():
                return self._settle(order)
            case Checkpoint():
                return self._checkpoint(order)
            case Transfer():
                return self._transfer(order)
            case _:
                assert_never(order)

    def _hold(self, order: Hold) -> Answer:
        known = self.holds.get(order.job)
        if known is not None:
            return Held(known.held) if known.state == "held" else Done(again=True, charge=known.charge or 0)
        purses = {currency: self._balance(Purse(order.account, currency, "available")) for currency in CURRENCIES}
        taken = take(order.nano, purses, order.token_type)
        if taken is None:
            return Short(sum(purses[c] for c in CURRENCIES if order.token_type in ("auto", c)))
        entries: list[tuple[Purse, int]] = []
        for currency, nano in taken.items():
            entries += _move(order.account, currency, "available", -nano) + _move(order.account, currency, "held", nano)
        self._post(f"hold:{order.job}", order.at_ms, entries)
        self.holds[order.job] = HoldState(order.account, taken, order=order)
        self.changed.add(order.job)
        return Held(taken)

    def _settle(self, order: Settle) -> Answer:
        hold = self.holds.get(order.job)
        if hold is None or hold.state != "held":
            return Done(again=True)
        paid = split(order.charge, hold.held)
        entries: list[tuple[Purse, int]] = []
        for currency, held in hold.held.items():
            entries += _move(hold.account, currency, "held", -held)
            entries += _move(hold.account, currency, "available", held - paid[currency])
        entries += self._pay(order, paid)
        hold.state = "settled" if order.charge else "void"
        hold.charge, hold.ended_ms = order.charge, order.at_ms
        self._post(f"{'settle' if order.charge else 'void'}:{order.job}", order.at_ms, entries)
        self.usage += order.usage
        self.changed.add(order.job)
        return Done()

    def _pay(self, order: Settle, paid: dict[Currency, int]) -> list[tuple[Purse, int]]:
        """Workers in the currency that the client paid in; the platform has what is left."""
        left = dict(paid)
        entries: list[tuple[Purse, int]] = []
        for payee in order.payees:
            for currency, nano in split(payee.nano, left).items():
                left[currency] -= nano
                entries += _move(payee.account, currency, "escrow", nano)
                if nano:
                    self.earnings.append(_earning(order, payee, currency, nano))
        for currency, nano in left.items():
            entries += _move(PLATFORM, currency, "revenue", nano)
        return entries

    def _checkpoint(self, order: Checkpoint) -> Answer:
        hold = self.holds.get(order.job)
        if hold is None or hold.state != "held" or hold.served == order.served:
            return Done(again=True)
        hold.served = order.served
        self.changed.add(order.job)
        return Done()

    def _transfer(self, order: Transfer) -> Answer:
        if order.id in self.known:
            return Done(again=True)
        there = self._balance(order.source)
        if order.nano < 0 or (order.source.kind not in SOURCES and there < order.nano):
            return Short(there)
        self._post(order.id, order.at_ms, [(order.source, -order.nano), (order.target, order.nano)], order.note)
        self.known.add(order.id)
        return Done()

    def _balance(self, purse: Purse) -> int:
        return self.balances.get(purse, 0)

    def _post(self, name: str, at_ms: int, entries: Iterable[tuple[Purse, int]], note: str = "") -> None:
        """Raises ValueError for a journal that does not add up or overdraws: a fault of this file."""
        sums: dict[Purse, int] = {}
        for purse, nano in entries:
            sums[purse] = sums.get(purse, 0) + nano
        for currency in CURRENCIES:
            if sum(nano for purse, nano in sums.items() if purse.currency == currency):
                raise ValueError(f"{name} does not add up to zero in {currency}")
        for purse, nano in sums.items():
            balance = self._balance(purse) + nano
            if balance < 0 and purse.kind not in SOURCES:
                raise ValueError(f"{name} overdraws {purse}")
            self.balances[purse] = balance
        posted = tuple((purse, nano) for purse, nano in sums.items() if nano)
        self.journals.append(Journal(name, at_ms, note, posted))


def _move(owner: str, currency: Currency, kind: str, nano: int) -> list[tuple[Purse, int]]:
    return [(Purse(owner, currency, kind), nano)] if nano else []  # type: ignore[arg-type]


def _earning(order: Settle, payee: Payee, currency: Currency, nano: int) -> Earning:
    return Earning(order.job, payee.worker, payee.account, currency, nano, order.at_ms)
