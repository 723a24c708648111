"""Requests of one account as its client made them: each with its choices, and with the rounds and calls that it took.

A hold is a request. One of whose name ROUND or ROUND.CALL is the end belongs to the request before the first dot, and
is no entry of its own. Every query goes along an index, and no call looks at more than `MOST_SEEN` requests: who looks
for what is rare is told where to go on.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args

from sqlalchemy import ColumnElement, Select, and_, or_, select, tuple_

from coordinator.ledger.errors import LedgerError
from coordinator.ledger.orders import UsageRow
from coordinator.ledger.recovery import FINISH as LOST
from coordinator.store.database import Database
from coordinator.store.tables import holds, usage

MOST_SEEN = 10_000  # requests that one call looks at: of those, none may fit
MOST_CALLED = 1000  # requests of one id that a client gave
ROUNDS, CALLS = 5, 16  # of one request, the most that there can be
Status = Literal["running", "finished", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
FINISHED = ("stop", "length", "tool_calls")
CANCELLED = "cancelled"


class NoSuchRequest(LedgerError):
    """There is none of this name, or it is another account's."""


class Place(NamedTuple):
    """Where a request stands in the list of its account, the newest first."""

    at_ms: int
    name: str


@dataclass(frozen=True)
class Wanted:
    """Which requests are looked for; None: any. Times in Unix milliseconds, `to_ms` is past the end. `names`: those of
    the account that are called so (`called`)."""

    model: str | None = None
    key: str | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    status: Status | None = None
    finish: str | None = None
    names: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Held:
    """A request, or a round or call of one: its hold."""

    name: str
    at_ms: int
    ended_ms: int | None
    model: str
    key: str
    kind: str | None
    state: str
    charge: int
    spark: int
    sogni: int
    streamed: bool
    request_id: str | None
    failure: str | None


@dataclass(frozen=True)
class Asked:
    """A request of a client. `choices`: those that a worker had and that have ended. `parts`: its further rounds, and
    calls of platform tools."""

    held: Held
    choices: tuple[UsageRow, ...]
    parts: tuple["Asked", ...] = ()

    @property
    def status(self) -> Status:
        finishes = [choice.finish for choice in self.choices]
        if self.held.state == "held" or any(part.held.state == "held" for part in self.parts):
            return "running"
        if self.held.failure or any(finish not in (*FINISHED, CANCELLED) for finish in finishes):
            return "failed"
        return "cancelled" if CANCELLED in finishes or not finishes else "finished"

    @property
    def all(self) -> list["Asked"]:
        return [self, *self.parts]

    @property
    def rows(self) -> list[UsageRow]:
        return [row for one in self.all for row in one.choices]

    @property
    def place(self) -> Place:
        return Place(self.held.at_ms, self.held.name)


@dataclass(frozen=True)
class Page:
    """`more`: there may be others behind `last`, which is where to go on."""

    entries: list[Asked] = field(default_factory=list)
    last: Place | None = None
    more: bool = False


def called(database: Database, account: str, name: str | None, request_id: str | None) -> tuple[str, ...]:
    """Names of the account's requests that have this name, or that their client called so: the newest of them."""
    mine = select(holds.c.job).where(holds.c.account == account)
    found = database.query(mine.where(holds.c.job == name)) if name is not None else []
    if request_id is not None:
        given = mine.where(holds.c.request_id == request_id).order_by(*_NEWEST).limit(MOST_CALLED)
        found = [*found, *database.query(given)]
    return tuple(dict.fromkeys(row.job for row in found))


def find(database: Database, account: str, name: str | None, request_id: str | None) -> Asked:
    """One request by its name, or else the newest of those that a client called so. Raises NoSuchRequest."""
    names = called(database, account, name, request_id)
    if not names:
        raise NoSuchRequest("This account has no such request, or it was refused before it was taken on.")
    return _whole(database, _held(database, _HELD.where(holds.c.job == names[0])))[0]


def place(database: Database, account: str, name: str) -> Place:
    """Where a request of the account stands. Raises NoSuchRequest."""
    found = database.query(select(holds.c.at_ms, holds.c.job).where(holds.c.job == name, holds.c.account == account))
    if not found:
        raise NoSuchRequest("This account has no such request to go on after.")
    return Place(*found[0])


def page(
    database: Database, account: str, wanted: Wanted, after: Place | None, limit: int, seen: int = MOST_SEEN
) -> Page:
    """The next `limit` requests, newest first, among the next `seen` of the account."""
    end = horizon(database, account, wanted, after, seen)
    entries = between(database, account, wanted, after, end, limit + 1)
    if len(entries) > limit:
        return Page(entries[:limit], entries[limit - 1].place, True)
    return Page(entries, end or (entries[-1].place if entries else None), end is not None)


def horizon(database: Database, account: str, wanted: Wanted, after: Place | None, seen: int) -> Place | None:
    """The last of the next `seen` requests of an account; None: there are not so many."""
    places = select(holds.c.at_ms, holds.c.job).where(*_among(account, wanted, after))
    found = database.query(places.order_by(*_NEWEST).offset(seen - 1).limit(1))
    return Place(*found[0]) if found else None


def chunk(
    database: Database, account: str, wanted: Wanted, after: Place | None, end: Place | None, seen: int
) -> tuple[list[Asked], Place | None]:
    """Those that are wanted among the next `seen`, to `end` at most, and where to go on; None: that was all."""
    stop = horizon(database, account, wanted, after, seen)
    last = stop is None or (end is not None and stop <= end)
    return between(database, account, wanted, after, end if last else stop, seen), None if last else stop


def between(
    database: Database, account: str, wanted: Wanted, after: Place | None, end: Place | None, limit: int
) -> list[Asked]:
    """The first `limit` requests that are wanted behind `after`, to `end` and with it."""
    statement = _HELD.where(*_among(account, wanted, after), *_fits(wanted))
    if end is not None:
        statement = statement.where(holds.c.at_ms >= end.at_ms, tuple_(holds.c.at_ms, holds.c.job) >= end)
    return _whole(database, _held(database, statement.order_by(*_NEWEST).limit(limit)))


_NEWEST = (holds.c.at_ms.desc(), holds.c.job.desc())
_NAMES = {"name": "job"}
_HELD = select(*(holds.c[_NAMES.get(name, name)].label(name) for name in Held.__dataclass_fields__))
_USED = [column for column in usage.c if column is not usage.c.id]


def _among(account: str, wanted: Wanted, after: Place | None) -> list[ColumnElement[bool]]:
    """What the index of an account's requests decides. The time stands beside the pair: SQLite seeks by it alone."""
    mine = holds.c.account == account if wanted.names is None else holds.c.job.in_(wanted.names)
    conditions: list[ColumnElement[bool]] = [mine]
    if after is not None:
        conditions += [holds.c.at_ms <= after.at_ms, tuple_(holds.c.at_ms, holds.c.job) < after]
    if wanted.from_ms is not None:
        conditions.append(holds.c.at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        conditions.append(holds.c.at_ms < wanted.to_ms)
    return conditions


def _fits(wanted: Wanted) -> list[ColumnElement[bool]]:
    """What each of those is looked at for."""
    conditions: list[ColumnElement[bool]] = [holds.c.job.not_like("%.%")]
    if wanted.model is not None:
        conditions.append(holds.c.model == wanted.model)
    if wanted.key is not None:
        conditions.append(holds.c.key == wanted.key)
    if wanted.status is not None:
        conditions.append(_is(wanted.status))
    if wanted.finish is not None:
        conditions.append(or_(holds.c.failure == wanted.finish, _ended(usage.c.finish == wanted.finish)))
    return conditions


def _ended(finish: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether a choice ended so. Not EXISTS: PostgreSQL may read the whole table for that, to ask it more cheaply."""
    one = select(usage.c.id).where(usage.c.request == holds.c.job, finish).limit(1)
    return one.correlate(holds).scalar_subquery().is_not(None)


def _is(status: Status) -> ColumnElement[bool]:
    """As `Asked.status`, but that a request runs only while it is held itself."""
    over = holds.c.state != "held"
    odd = usage.c.finish.not_in((*FINISHED, CANCELLED))
    failed = and_(over, or_(holds.c.failure.is_not(None), _ended(odd)))
    match status:
        case "running":
            return ~over
        case "failed":
            return failed
        case "finished":
            return and_(over, ~failed, ~_ended(usage.c.finish == CANCELLED), _ended(usage.c.finish.in_(FINISHED)))
        case "cancelled":
            left = or_(_ended(usage.c.finish == CANCELLED), ~_ended(usage.c.finish.is_not(None)))
            return and_(over, ~failed, left)


def _held(database: Database, statement: Select[Any]) -> list[Held]:
    return [Held(**{**row._mapping, "charge": row.charge or 0}) for row in database.query(statement)]


def _whole(database: Database, found: Sequence[Held]) -> list[Asked]:
    """Each with its choices, and with what belongs to it: only what ended with calls can have had other rounds."""
    choices = _choices(database, [held.name for held in found])
    calling = [held.name for held in found if any(row.finish in ("tool_calls", LOST) for row in choices[held.name])]
    parts = _parts(database, calling)
    return [Asked(held, tuple(choices[held.name]), tuple(parts[held.name])) for held in found]


def _parts(database: Database, names: Sequence[str]) -> dict[str, list[Asked]]:
    """Rounds and calls of these. Their names are made up and looked for, by the primary key: the first calls and the
    second round, and the others where that one is."""
    first = [f"{name}.{part}" for name in names for part in _of_rounds(range(1, 2))]
    found = _named(database, first)
    going_on = [one.name.removesuffix(".2") for one in found if one.name.count(".") == 1]
    found += _named(database, [f"{name}.{part}" for name in going_on for part in _of_rounds(range(2, ROUNDS))])
    choices = _choices(database, [held.name for held in found])
    parts: dict[str, list[Asked]] = defaultdict(list)
    for held in sorted(found, key=lambda held: (held.at_ms, held.name)):
        parts[held.name.partition(".")[0]].append(Asked(held, tuple(choices[held.name])))
    return parts


def _of_rounds(rounds: Iterable[int]) -> list[str]:
    """Calls of these rounds, and the rounds behind them."""
    return [part for n in rounds for part in (str(n + 1), *(f"{n}.{call}" for call in range(1, CALLS + 1)))]


def _named(database: Database, names: Sequence[str]) -> list[Held]:
    return _held(database, _HELD.where(holds.c.job.in_(names))) if names else []


def _choices(database: Database, names: Sequence[str]) -> dict[str, list[UsageRow]]:
    choices: dict[str, list[UsageRow]] = defaultdict(list)
    if names:
        for row in database.query(select(*_USED).where(usage.c.request.in_(names)).order_by(usage.c.id)):
            choices[row.request].append(UsageRow(**row._mapping))
    return choices
