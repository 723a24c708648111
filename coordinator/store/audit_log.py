"""What operators did, each act in the transaction of the act itself. Append-only."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, insert, select

from coordinator.store.database import Database
from coordinator.store.operator_tables import audit_log

COMMAND_LINE = "command line"  # the actor of a command on the machine of the database
DETAIL = 500  # characters

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Deed:
    """One entry. `actor`: the id of a key (or of a browser's session), or COMMAND_LINE; `target`: the id of the
    account, key, worker or model that it was done to."""

    id: int
    at_ms: int
    actor: str
    action: str
    target: str
    detail: str


@dataclass(frozen=True)
class Act:
    """What is about to be done, as Deed says it."""

    actor: str
    action: str
    target: str
    detail: str = ""


@dataclass(frozen=True)
class Sought:
    """Which deeds: those that match all that is given. `target` and `actor` are ids, `action` one in full or the first
    words of several (`key` finds `key create` and `key revoke`). `since_ms`: from then on."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since_ms: int | None = None


def record(connection: Connection, actor: str, action: str, target: str, detail: str, at_ms: int) -> None:
    """Write down a deed, in the caller's transaction."""
    row = {"at_ms": at_ms, "actor": actor, "action": action, "target": target, "detail": detail[:DETAIL]}
    connection.execute(insert(audit_log).values(row))


def record_act(connection: Connection, act: Act, at_ms: int) -> None:
    record(connection, act.actor, act.action, act.target, act.detail, at_ms)


def write_down(database: Database, act: Act, at_ms: int) -> None:
    """Write down what changes nothing here, in a transaction of its own."""
    database.transact(lambda connection: record_act(connection, act, at_ms))


def audited(
    database: Database,
    act: Act | None,
    at_ms: int,
    work: Callable[Concatenate[Database, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Do `work(database, ...)` and write the act down in its transaction: neither is there without the other. None: it
    is nobody's but the caller's own. Returns and raises what the work does."""
    if act is None:
        return work(database, *args, **kwargs)

    with database.along(partial(record_act, act=act, at_ms=at_ms)):
        return work(database, *args, **kwargs)


def read(database: Database, most: int, before: int | None = None, sought: Sought | None = None) -> list[Deed]:
    """The last deeds, the newest first; `before`: those with a smaller id, for the next page."""
    statement = select(audit_log).order_by(audit_log.c.id.desc()).limit(most)
    if before is not None:
        statement = statement.where(audit_log.c.id < before)
    sought = sought or Sought()
    for name in ("actor", "target"):
        if (value := getattr(sought, name)) is not None:
            statement = statement.where(audit_log.c[name] == value)
    if sought.action is not None:
        first = audit_log.c.action.startswith(f"{sought.action} ", autoescape=True)
        statement = statement.where((audit_log.c.action == sought.action) | first)
    if sought.since_ms is not None:
        statement = statement.where(audit_log.c.at_ms >= sought.since_ms)
    return [Deed(**row._mapping) for row in database.query(statement)]
