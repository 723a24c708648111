"""Does the money add up? Every promise of the ledger, as a query that finds what breaks it."""

from typing import Any

from sqlalchemy import Select, and_, case, func, or_, select

from coordinator.ledger.audit_days import check_days
from coordinator.ledger.audit_given import check_given
from coordinator.ledger.audit_spend import check_spend
from coordinator.ledger.orders import SOURCES
from coordinator.ledger.pricing import CURRENCIES
from coordinator.store.database import Database
from coordinator.store.operator_tables import payouts
from coordinator.store.tables import balances, earnings, entries, holds, journals, replicas, servers, usage

SHOWN = 10  # of each kind


def check(database: Database) -> list[str]:
    """What is wrong, one sentence each; nothing when all is well. Raises StoreError."""
    return [
        *_sums(database),
        *_balances(database),
        *_holds(database),
        *_ends(database),
        *_servers(database),
        *_prompts(database),
        *_charges(database),
        *_earnings(database),
        *_payouts(database),
        *check_days(database, SHOWN),
        *check_given(database, SHOWN),
        *check_spend(database, SHOWN),
    ]


def _sums(database: Database) -> list[str]:
    """Every journal adds up to zero in each currency, and has entries."""
    total = func.sum(entries.c.nano)
    odd = (
        select(entries.c.journal, entries.c.currency, total)
        .group_by(entries.c.journal, entries.c.currency)
        .having(total != 0)
    )
    return [f"journal {name} adds up to {nano} in {currency}" for name, currency, nano in _some(database, odd)]


def _balances(database: Database) -> list[str]:
    """Every balance is the sum of its entries, and none but the sources is below zero."""
    sub_account = ("owner", "currency", "kind")
    summed = (
        select(*(entries.c[name] for name in sub_account), func.sum(entries.c.nano).label("nano"))
        .group_by(*(entries.c[name] for name in sub_account))
        .subquery()
    )
    same = and_(*(balances.c[name] == summed.c[name] for name in sub_account))
    odd = (
        select(*(balances.c[name] for name in sub_account), balances.c.nano, summed.c.nano)
        .outerjoin(summed, same)
        .where(balances.c.nano != func.coalesce(summed.c.nano, 0))
    )
    found = [f"{o}/{c}/{k} is {nano}, its entries say {said}" for o, c, k, nano, said in _some(database, odd)]
    lost = (
        select(*(summed.c[name] for name in sub_account), summed.c.nano)
        .outerjoin(balances, same)
        .where(balances.c.owner.is_(None))
    )
    found += [f"{o}/{c}/{k} has entries of {nano} and no balance" for o, c, k, nano in _some(database, lost)]
    debt = select(*(balances.c[name] for name in sub_account), balances.c.nano).where(
        balances.c.nano < 0, balances.c.kind.not_in(SOURCES)
    )
    return found + [f"{o}/{c}/{k} is overdrawn: {nano}" for o, c, k, nano in _some(database, debt)]


def _holds(database: Database) -> list[str]:
    """What an account has held is what its open holds hold."""
    found = []
    for currency in CURRENCIES:
        is_open = case((holds.c.state == "held", holds.c[currency]), else_=0)
        opened = select(holds.c.account, func.sum(is_open).label("nano")).group_by(holds.c.account).subquery()
        sub_account = and_(
            balances.c.owner == opened.c.account, balances.c.currency == currency, balances.c.kind == "held"
        )
        odd = (
            select(opened.c.account, opened.c.nano, balances.c.nano)
            .outerjoin(balances, sub_account)
            .where(opened.c.nano != func.coalesce(balances.c.nano, 0))
        )
        found += [
            f"{account} has {nano} {currency} in open holds and {held} held"
            for account, nano, held in _some(database, odd)
        ]
    return found


def _ends(database: Database) -> list[str]:
    """A hold is booked once, and ends in one of settle and void, as its row says."""
    prefix = {"held": "hold:", "settled": "settle:", "void": "void:"}
    counts = {}
    for state, text in prefix.items():
        counts[state] = (
            select(func.count()).where(journals.c.id == text + holds.c.job).correlate(holds).scalar_subquery()
        )
    ended = case((holds.c.state == "settled", 1), else_=0), case((holds.c.state == "void", 1), else_=0)
    odd = select(holds.c.job, holds.c.state).where(
        or_(counts["held"] != 1, counts["settled"] != ended[0], counts["void"] != ended[1])
    )
    return [f"job {job} is {state}, its journals say otherwise" for job, state in _some(database, odd)]


def _servers(database: Database) -> list[str]:
    """A hold is ended by the server that made it, or by one that was started after that had ended; that of a replica by
    another one only once it was taken for dead. Versions before wrote down no server."""
    odd = (
        select(holds.c.job, holds.c.made_by, holds.c.ended_by)
        .outerjoin(servers, servers.c.number == holds.c.made_by)  # rows of old starts are cleaned away
        .where(holds.c.ended_by != holds.c.made_by, holds.c.owner == "")
        .where(or_(holds.c.ended_by < holds.c.made_by, servers.c.overtaken_ms.is_not(None)))
    )
    found = [
        f"job {job} was of server {made}, and server {ended} ended it while that still ran"
        for job, made, ended in _some(database, odd)
    ]
    living = (
        select(holds.c.job, holds.c.owner, holds.c.ended_by)
        .join(replicas, replicas.c.id == holds.c.owner)
        .where(replicas.c.state == "up", holds.c.ended_by != replicas.c.server)
    )
    return found + [
        f"job {job} was of replica {owner}, which lives, and server {ended} ended it"
        for job, owner, ended in _some(database, living)
    ]


def _prompts(database: Database) -> list[str]:
    """A client that got tokens of a stream owes its prompt. Versions before did not bill it for a stream that was
    cut."""
    odd = (
        select(usage.c.job, usage.c.completion)
        .join(holds, holds.c.job == usage.c.request)
        .where(holds.c.ended_by.is_not(None), holds.c.streamed, holds.c.price_prompt > 0)
        .where(usage.c.completion > 0, usage.c.prompt == 0, usage.c.finish != "poison_request")
    )
    return [f"job {job} gave {tokens} tokens, and its prompt is not billed" for job, tokens in _some(database, odd)]


def _charges(database: Database) -> list[str]:
    """A job's charge is what the usage of its choices costs."""
    cost = select(usage.c.request, func.sum(usage.c.cost_nano).label("nano")).group_by(usage.c.request).subquery()
    odd = (
        select(holds.c.job, holds.c.charge, cost.c.nano)
        .outerjoin(cost, cost.c.request == holds.c.job)
        .where(func.coalesce(holds.c.charge, 0) != func.coalesce(cost.c.nano, 0))
    )
    return [f"job {job} was charged {charge}, its usage costs {nano}" for job, charge, nano in _some(database, odd)]


def _earnings(database: Database) -> list[str]:
    """What an account has in escrow is what it earned and has not matured."""
    waiting = case((earnings.c.matured_ms.is_(None), earnings.c.nano), else_=0)
    by = (earnings.c.account, earnings.c.currency)
    summed = select(*by, func.sum(waiting).label("nano")).group_by(*by).subquery()
    sub_account = and_(
        balances.c.owner == summed.c.account, balances.c.currency == summed.c.currency, balances.c.kind == "escrow"
    )
    odd = (
        select(summed.c.account, summed.c.currency, summed.c.nano, balances.c.nano)
        .outerjoin(balances, sub_account)
        .where(summed.c.nano != func.coalesce(balances.c.nano, 0))
    )
    return [f"{a} waits for {nano} {c} and has {held} in escrow" for a, c, nano, held in _some(database, odd)]


def _payouts(database: Database) -> list[str]:
    """What was approved is booked once, what came back is booked back once, and nothing else is either."""
    found = []
    for prefix, states in (("payout", ("approved", "sent", "returned")), ("payout-back", ("returned",))):
        name = prefix + ":" + payouts.c.account + ":" + payouts.c.id
        booked = (
            select(func.sum(entries.c.nano))
            .where(entries.c.journal == name, entries.c.kind == "earned", entries.c.owner == payouts.c.account)
            .where(entries.c.currency == payouts.c.currency)
            .correlate(payouts)
            .scalar_subquery()
        )
        sign = -1 if prefix == "payout" else 1
        right = case((payouts.c.state.in_(states), sign * payouts.c.nano), else_=0)
        odd = select(payouts.c.id, payouts.c.state, right, booked).where(right != func.coalesce(booked, 0))
        found += [
            f"{payout} is {state}, and its journal {prefix} has {nano or 0} instead of {expected}"
            for payout, state, expected, nano in _some(database, odd)
        ]
    stray = select(journals.c.id).where(
        journals.c.id.like("payout-back:%"),
        journals.c.id.not_in(select("payout-back:" + payouts.c.account + ":" + payouts.c.id)),
    )
    return found + [f"journal {name} gives back what is no payout" for (name,) in _some(database, stray)]


def _some(database: Database, odd: Select[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in database.query(odd.limit(SHOWN))]
