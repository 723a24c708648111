"""Who has something done, and that they still may in the moment in which it is done.

Keys and sessions are held in memory, and another replica hears a moment late that one has ended. Whoever was in a
session that its person has just ended must not be able to make recovery codes in that moment, or ask for a payout: so
it is looked up once more in the transaction of the act itself.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from coordinator.accounts.rows import check_in_use
from coordinator.store.audit_log import Act, record_act
from coordinator.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class By:
    """The `key` that asks (its id, or that of a browser's session), and its `account`. `own`: it is done to this
    account, which is locked meanwhile. `act`: what the audit log says of it, None: nothing."""

    key: str
    account: str
    own: bool = True
    act: Act | None = None


def done_by(
    database: Database,
    by: By | None,
    at_ms: int,
    work: Callable[Concatenate[Database, P], T],
    /,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    """Do `work(database, ...)`, with who asks and the audit log in its first transaction: it is not done for who may
    not any more, and not without its entry. `by` None: nobody who could have ended. Returns and raises what the work
    does, and raises Ended."""
    if by is None:
        return work(database, *args, **kwargs)

    may = partial(check_in_use, account=by.account, key_id=by.key, at_ms=at_ms, lock=by.own)
    with database.along(None if by.act is None else partial(record_act, act=by.act, at_ms=at_ms), may):
        return work(database, *args, **kwargs)
