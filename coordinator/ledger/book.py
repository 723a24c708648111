"""Double entry, pure: a group of orders against balances that were read, and what has to be written for them.

Every journal adds up to zero in each currency. A job has at most one hold; a hold ends in exactly one of settled and
void, by the replica whose it is; nothing but the sources goes below zero. A client's given tokens are spent first, and
each share of a price is of given and of paid-in tokens as the price was.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, assert_never

from coordinator.ledger.claims import Claims
from coordinator.ledger.orders import (
    PLATFORM,
    SOURCES,
    Answer,
    Checkpoint,
    Claim,
    Done,
    Held,
    Hold,
    Insufficient,
    Keep,
    Kind,
    Mark,
    Order,
    Promote,
    Release,
    Settle,
    SubAccount,
    Taken,
    Transfer,
    UsageRow,
)
from coordinator.ledger.pricing import CURRENCIES, Currency, Payee, paying, split, take
from coordinator.ledger.spend import Spend

State = Literal["held", "settled", "void"]
SPENT: tuple[Kind, Kind] = ("available", "funded")  # what a client's jobs are paid with, in this order


class Paid(NamedTuple):
    """An amount of one currency by where it came from."""

    given: int
    funded: int


@dataclass
class HoldState:
    """What was set aside for a job, and what has become of it. `funded`: what of it was paid in; the rest was given.
    `served` and `prompts`: its last checkpoint. `owner`: the replica that will end it. `counted`: the keys for which it
    counts, since `at_ms`."""

    account: str
    held: dict[Currency, int]
    funded: dict[Currency, int]
    state: State = "held"
    charge: int | None = None
    ended_ms: int | None = None
    served: tuple[tuple[str, int], ...] = ()
    prompts: tuple[tuple[str, int], ...] = ()
    owner: str = ""
    at_ms: int = 0
    counted: tuple[str, ...] = ()
    failure: str | None = None
    order: Hold | None = None  # that made it; None: it was there before this group


@dataclass(frozen=True)
class Journal:
    """One booking: its entries add up to zero in each currency. Its id is unique, so that nothing is booked twice."""

    id: str
    at_ms: int
    note: str
    entries: tuple[tuple[SubAccount, int], ...]


@dataclass(frozen=True)
class Earning:
    """A worker's share of a job's price, which waits in escrow. `given`: what of it was paid with given tokens."""

    job: str
    worker: str
    account: str
    currency: Currency
    nano: int
    given: int
    at_ms: int


@dataclass
class Book:
    """The part of the books that a group of orders touches: as it was read, then as the orders change it.

    A balance, a hold, a journal or a key that is not in it is not in the database either. Amounts are nano-dollars.
    `claims` knows as which replica it is kept; `platform`: the owner of the platform's purse that it books in.
    """

    balances: dict[SubAccount, int]
    holds: dict[str, HoldState]
    known: set[str]  # ids of transfers that have been carried out
    claims: Claims = field(default_factory=lambda: Claims("", frozenset({""})))
    platform: str = PLATFORM
    spend: Spend = field(default_factory=Spend)
    journals: list[Journal] = field(default_factory=list)
    earnings: list[Earning] = field(default_factory=list)
    usage: list[UsageRow] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)  # jobs whose hold is new or different

    def carry_out(self, order: Order) -> Answer:
        """Decide on one order and book it. Returns Held for a hold that was made, Insufficient, Capped or Taken for
        what was refused, Done for all else. Any exception is a bug of this file."""
        match order:
            case Hold():
                return self._hold(order)
            case Settle():
                return self._settle(order)
            case Checkpoint():
                return self._checkpoint(order)
            case Transfer():
                return self._transfer(order)
            case Promote():
                return self._promote(order)
            case Claim():
                return Done() if self.claims.follow(order) else Taken()
            case Mark() | Keep() | Release():
                return Done(again=not self.claims.change(order))
            case _:
                assert_never(order)

    def _hold(self, order: Hold) -> Answer:
        known = self.holds.get(order.job)
        if not self._free(order, known):
            return Taken()
        if known is not None:
            return self._held_again(order, known)
        if capped := self.spend.refusal(order):
            return capped
        given, funded = (
            {currency: self._balance(SubAccount(order.account, currency, kind)) for currency in CURRENCIES}
            for kind in SPENT
        )
        have = {currency: given[currency] + funded[currency] for currency in CURRENCIES}
        taken = take(order.nano, have, order.token_type)
        if taken is None:
            return Insufficient(sum(have[currency] for currency in paying(order.token_type)))
        beyond = {currency: max(0, nano - given[currency]) for currency, nano in taken.items()}
        entries: list[tuple[SubAccount, int]] = []
        for currency, nano in taken.items():
            entries += _move(order.account, currency, "available", beyond[currency] - nano)
            entries += _move(order.account, currency, "funded", -beyond[currency])
            entries += _move(order.account, currency, "held", nano)
        self._post(f"hold:{order.job}", order.at_ms, entries)
        counted = tuple(each.name for each in order.counted)
        self.spend.add(counted, order.at_ms, order.nano)
        self.holds[order.job] = HoldState(
            order.account, taken, beyond, owner=self.claims.owner, at_ms=order.at_ms, counted=counted, order=order
        )
        self.changed.add(order.job)
        if order.claim is not None:
            self.claims.take(order.claim, order.job)
        return Held(taken)

    def _free(self, order: Hold, known: HoldState | None) -> bool:
        """Whether no other replica runs the job, or one that is dead: whose key this is, theirs are all holds of its
        request."""
        claim = order.claim
        if claim is not None and not self.claims.admits(claim):
            return False
        if known is None or known.state != "held" or known.owner in self.claims.own:
            return True
        return claim is not None and (known.owner == claim.instead_of or self.claims.owns(claim))

    def _held_again(self, order: Hold, known: HoldState) -> Answer:
        """The same order once more; or one that takes the hold over, for an answer that begins anew."""
        if known.state != "held":
            return Done(again=True, charge=known.charge or 0)
        if known.owner not in self.claims.own:
            known.owner, known.served, known.prompts = self.claims.owner, (), ()
            self.changed.add(order.job)
        if order.claim is not None:
            self.claims.take(order.claim, order.job)
        return Held(known.held)

    def _settle(self, order: Settle) -> Answer:
        hold = self.holds.get(order.job)
        if hold is None or hold.state != "held" or hold.owner not in self.claims.own:
            return Done(again=True)
        paid: dict[Currency, Paid] = {}
        entries: list[tuple[SubAccount, int]] = []
        for currency, charge in split(order.charge, hold.held).items():
            held, funded = hold.held.get(currency, 0), hold.funded.get(currency, 0)
            given = min(charge, held - funded)
            paid[currency] = Paid(given, charge - given)
            entries += _move(hold.account, currency, "held", -held)
            entries += _move(hold.account, currency, "available", held - funded - given)
            entries += _move(hold.account, currency, "funded", funded - (charge - given))
        entries += self._pay(order, paid)
        hold.state = "settled" if order.charge else "void"
        hold.charge, hold.ended_ms, hold.failure = order.charge, order.at_ms, order.failure
        self.spend.add(hold.counted, hold.at_ms, order.charge - sum(hold.held.values()))
        self._post(f"{'settle' if order.charge else 'void'}:{order.job}", order.at_ms, entries)
        self.usage += order.usage
        self.changed.add(order.job)
        return Done()

    def _pay(self, order: Settle, paid: dict[Currency, Paid]) -> list[tuple[SubAccount, int]]:
        """Workers in the currency that the client paid in, of given and paid-in tokens as the price was; the platform
        has what is left, of which the given tokens go back to where they came from."""
        left, given = ({currency: sum(each) for currency, each in paid.items()}, {c: p.given for c, p in paid.items()})
        entries: list[tuple[SubAccount, int]] = []
        for payee in order.payees:
            for currency, nano in split(payee.nano, left).items():
                if nano:
                    share = nano * given[currency] // left[currency]
                    left[currency], given[currency] = left[currency] - nano, given[currency] - share
                    entries += _move(payee.account, currency, "escrow", nano)
                    self.earnings.append(_earning(order, payee, currency, nano, share))
        for currency, nano in left.items():
            entries += _move(self.platform, currency, "promotions", given[currency])
            entries += _move(self.platform, currency, "revenue", nano - given[currency])
        return entries

    def _checkpoint(self, order: Checkpoint) -> Answer:
        hold = self.holds.get(order.job)
        if hold is None or hold.state != "held" or hold.owner not in self.claims.own:
            return Done(again=True)
        if (hold.served, hold.prompts) == (order.served, order.prompts):
            return Done(again=True)
        hold.served, hold.prompts = order.served, order.prompts
        self.changed.add(order.job)
        return Done()

    def _transfer(self, order: Transfer) -> Answer:
        if order.id in self.known:
            return Done(again=True)
        source, target = self._purse(order.source), self._purse(order.target)
        available = self._balance(source)
        if order.nano < 0 or (source.kind not in SOURCES and available < order.nano):
            return Insufficient(available)
        self._post(order.id, order.at_ms, [(source, -order.nano), (target, order.nano)], order.note)
        self.known.add(order.id)
        return Done()

    def _promote(self, order: Promote) -> Answer:
        if order.id in self.known:
            return Done(again=True)
        credit = self._balance(SubAccount(order.account, order.currency, "credit"))
        if order.nano < 0 or credit < order.nano:
            return Insufficient(credit)
        entries = [
            *_move(order.account, order.currency, "credit", -order.nano),
            *_move(self.platform, order.currency, "promotions", order.nano),
            *_move(self.platform, order.currency, "deposits", -order.nano),
            *_move(order.account, order.currency, "earned", order.nano),
        ]
        self._post(order.id, order.at_ms, entries, "promotion")
        self.known.add(order.id)
        return Done()

    def _balance(self, sub_account: SubAccount) -> int:
        return self.balances.get(sub_account, 0)

    def _purse(self, sub_account: SubAccount) -> SubAccount:
        """Of the platform's the one that this book is kept in."""
        return sub_account._replace(owner=self.platform) if sub_account.owner == PLATFORM else sub_account

    def _post(self, name: str, at_ms: int, entries: Iterable[tuple[SubAccount, int]], note: str = "") -> None:
        """Raises ValueError for a journal that does not add up or overdraws: a fault of this file."""
        sums: dict[SubAccount, int] = {}
        for sub_account, nano in entries:
            sums[sub_account] = sums.get(sub_account, 0) + nano
        for currency in CURRENCIES:
            if sum(nano for sub_account, nano in sums.items() if sub_account.currency == currency):
                raise ValueError(f"{name} does not add up to zero in {currency}")
        for sub_account, nano in sums.items():
            balance = self._balance(sub_account) + nano
            if balance < 0 and sub_account.kind not in SOURCES:
                raise ValueError(f"{name} overdraws {sub_account}")
            self.balances[sub_account] = balance
        posted = tuple((sub_account, nano) for sub_account, nano in sums.items() if nano)
        self.journals.append(Journal(name, at_ms, note, posted))


def _move(owner: str, currency: Currency, kind: Kind, nano: int) -> list[tuple[SubAccount, int]]:
    return [(SubAccount(owner, currency, kind), nano)] if nano else []


def _earning(order: Settle, payee: Payee, currency: Currency, nano: int, given: int) -> Earning:
    return Earning(order.job, payee.worker, payee.account, currency, nano, given, order.at_ms)
