"""Accounts in pages: what each has, who can use it, and when it was last seen. Money is whole nano-dollars."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, FromClause, Select, and_, case, func, literal, or_, select

from coordinator.operating.cursor import Cursor
from coordinator.store.database import Database
from coordinator.store.identity_tables import passkeys
from coordinator.store.tables import accounts, balances, keys, usage

Sort = Literal["created", "name", "balance", "owed", "seen"]
SORTS: tuple[Sort, ...] = get_args(Sort)
OF_TEXT: tuple[Sort, ...] = ("name",)  # the others are sorted by a number
OWED = ("escrow", "earned")  # what may have to be paid out; credit never is, but for promotions
SPENDABLE = ("available", "funded")


@dataclass(frozen=True)
class Sought:
    """Which accounts, and in which order. `search`: a part of the name, or the beginning of an id of the account or of
    one of its keys. `disabled` None: whether or not. `after`: the last one of the page before."""

    search: str = ""
    disabled: bool | None = None
    sort: Sort = "created"
    descending: bool = True
    after: Cursor | None = None


@dataclass(frozen=True)
class AccountLine:
    """One account as a list has it. `owed`: earned, and not spent or paid out yet; what is not matured may turn out to
    be credit, which is spent here. `people`: passkeys. `seen_ms`: the end of the last request, None: there was none.
    `sorted_by`: the value by which the list is sorted."""

    id: str
    name: str
    created_ms: int
    weight: float
    disabled: bool
    spendable: int
    held: int
    owed: int
    credit: int
    keys: int
    people: int
    seen_ms: int | None
    sorted_by: str | int


def page(database: Database, sought: Sought, at_ms: int, most: int) -> list[AccountLine]:
    """At most `most` accounts. What only those that are shown need is looked up for these alone."""
    value = _VALUES[sought.sort]
    statement: Select[Any] = select(accounts, value.label("sorted_by")).select_from(_from(sought.sort))
    if sought.search:
        statement = statement.where(_found(sought.search))
    if sought.disabled is not None:
        statement = statement.where(accounts.c.disabled == sought.disabled)
    if sought.after is not None:
        last, name = sought.after
        beyond = value < last if sought.descending else value > last
        statement = statement.where(or_(beyond, and_(value == last, accounts.c.id > name)))
    order = value.desc() if sought.descending else value.asc()
    rows = database.query(statement.order_by(order, accounts.c.id).limit(most))
    return _lines(database, rows, at_ms)


def one(database: Database, account: str, at_ms: int) -> AccountLine:
    """The account of this id, which must be there."""
    rows = database.query(select(accounts, literal(0).label("sorted_by")).where(accounts.c.id == account))
    return _lines(database, rows, at_ms)[0]


def _found(search: str) -> ColumnElement[bool]:
    named = func.lower(accounts.c.name).contains(search.lower(), autoescape=True)
    theirs = select(keys.c.account).where(keys.c.id.startswith(search, autoescape=True))
    if search.startswith("key_"):
        return accounts.c.id.in_(theirs)
    return or_(named, accounts.c.id.startswith(search, autoescape=True))


def _lines(database: Database, rows: Any, at_ms: int) -> list[AccountLine]:
    ids = [row.id for row in rows]
    money: dict[str, dict[str, int]] = {}
    by = (balances.c.owner, balances.c.kind)
    summed = select(*by, func.sum(balances.c.nano)).where(balances.c.owner.in_(ids)).group_by(*by)
    for owner, kind, nano in database.query(summed):
        money.setdefault(owner, {})[kind] = int(nano)
    in_use = (keys.c.revoked_ms.is_(None), keys.c.session_ends_ms.is_(None))
    alive = or_(keys.c.expires_ms.is_(None), keys.c.expires_ms > at_ms)
    counted = select(keys.c.account, func.count()).where(keys.c.account.in_(ids), *in_use, alive)
    have = dict(_pairs(database, counted.group_by(keys.c.account)))
    people = select(passkeys.c.account, func.count()).where(passkeys.c.account.in_(ids)).group_by(passkeys.c.account)
    known = dict(_pairs(database, people))
    seen = dict(_pairs(database, select(accounts.c.id, SEEN).where(accounts.c.id.in_(ids))))
    lines = []
    for row in rows:
        has = money.get(row.id, {})
        lines.append(
            AccountLine(
                id=row.id,
                name=row.name,
                created_ms=row.created_ms,
                weight=row.weight,
                disabled=bool(row.disabled),
                spendable=sum(has.get(kind, 0) for kind in SPENDABLE),
                held=has.get("held", 0),
                owed=sum(has.get(kind, 0) for kind in OWED),
                credit=has.get("credit", 0),
                keys=have.get(row.id, 0),
                people=known.get(row.id, 0),
                seen_ms=seen.get(row.id) or None,
                sorted_by=row.sorted_by if isinstance(row.sorted_by, str) else int(row.sorted_by),
            )
        )
    return lines


def _pairs(database: Database, statement: Select[Any]) -> list[tuple[str, int]]:
    return [(row[0], int(row[1])) for row in database.query(statement)]


def _sum(kinds: tuple[str, ...]) -> FromClause:
    total = func.sum(case((balances.c.kind.in_(kinds), balances.c.nano), else_=0))
    return select(balances.c.owner, total.label("nano")).group_by(balances.c.owner).subquery()


_SUMS: dict[Sort, FromClause] = {"balance": _sum(SPENDABLE), "owed": _sum(OWED)}
# The end of an index.
_USED = select(func.max(usage.c.at_ms)).where(usage.c.account == accounts.c.id).correlate(accounts).scalar_subquery()
SEEN = func.coalesce(_USED, 0)
_VALUES: dict[Sort, ColumnElement[Any]] = {
    "created": accounts.c.created_ms,
    "name": accounts.c.name,
    "balance": func.coalesce(_SUMS["balance"].c.nano, 0),
    "owed": func.coalesce(_SUMS["owed"].c.nano, 0),
    "seen": SEEN,
}


def _from(sort: Sort) -> FromClause:
    if sort not in _SUMS:
        return accounts
    return accounts.outerjoin(_SUMS[sort], _SUMS[sort].c.owner == accounts.c.id)
