"""Sessions of browsers. One is a row of `keys` that no text has: it may do what a key of its account may, is counted
with the account's first key, ends on every replica as a key does, and lives in a cookie."""

import secrets

from sqlalchemy import Connection, delete, select, update

from coordinator.accounts.rows import KeyLimits, KeyRow, add_key, changed, over
from coordinator.clock import DAY_MS
from coordinator.identity.errors import Refused
from coordinator.store.database import Database
from coordinator.store.tables import holds, keys, usage
from wire.errors import ErrorCode

IDLE_MS = 7 * DAY_MS
WHOLE_MS = 30 * DAY_MS
KEPT_MS = DAY_MS  # used within so long of its last renewal, a session is not written again
AT_ONCE = 10  # of one account: a further sign-in ends the oldest
A_DAY = 100
MOST_CLEANED = 100  # in one transaction
SCOPES = ("client", "worker")


def open_session(connection: Connection, account: str, hashed: str, rows: list[KeyRow], at_ms: int) -> KeyRow:
    """Begin a session of the account (its id). `hashed`: its token; `rows`: all keys and sessions of the account.
    Raises Refused after too many on one day. The caller has locked the account."""
    sessions = [row for row in rows if row.session_ends_ms is not None]
    if sum(row.created_ms > at_ms - DAY_MS for row in sessions) >= A_DAY:
        raise Refused(ErrorCode.RATE_LIMIT_EXCEEDED, f"An account signs in at most {A_DAY} times a day: try tomorrow.")
    live = [row for row in sessions if row.revoked_ms is None and (row.expires_ms or 0) > at_ms]
    for row in live[: len(live) + 1 - AT_ONCE if len(live) >= AT_ONCE else 0]:
        end_sessions(connection, account, at_ms, row.id)
    first = next((row for row in rows if row.parent is None), None)
    latest = first and [row for row in rows if row.counters == first.counters][-1]
    row = KeyRow(
        id=f"key_{secrets.token_hex(8)}",
        account=account,
        name="browser",
        hash=hashed,
        hint="browser",
        scopes=SCOPES,
        created_ms=at_ms,
        expires_ms=at_ms + IDLE_MS,
        session_ends_ms=at_ms + WHOLE_MS,
        counted_as=first.counters if first else None,
        limits=latest.limits if latest else KeyLimits(),
    )
    add_key(connection, row)
    return row


def renew_session(database: Database, session: str, at_ms: int) -> None:
    """The session (its id) is in use: it goes on for IDLE_MS, and no further than its end."""
    mine = (keys.c.id == session, keys.c.revoked_ms.is_(None))

    def work(connection: Connection) -> None:
        ends = connection.execute(select(keys.c.session_ends_ms).where(*mine)).scalar()
        if ends is not None:
            connection.execute(update(keys).where(*mine).values(expires_ms=min(at_ms + IDLE_MS, ends)))
            changed(connection)

    database.transact(work)


def end_sessions(
    connection: Connection, account: str, at_ms: int, session: str | None = None, *, but: str | None = None
) -> None:
    """End one session of the account (both their ids), or all, or all `but` one."""
    mine = [keys.c.account == account, keys.c.session_ends_ms.is_not(None), keys.c.revoked_ms.is_(None)]
    if session is not None:
        mine.append(keys.c.id == session)
    if but is not None:
        mine.append(keys.c.id != but)
    connection.execute(update(keys).where(*mine).values(revoked_ms=at_ms))
    changed(connection)


def sign_out(database: Database, account: str, session: str, at_ms: int) -> None:
    """End this session, in a transaction of its own."""
    database.transact(lambda connection: end_sessions(connection, account, at_ms, session))


def clean(database: Database, before_ms: int) -> int:
    """Delete sessions that had ended by then and that no use and no hold names: MOST_CLEANED at most. Returns how many.
    `before_ms`: a day ago or more, as those of a day are counted."""
    used = select(usage.c.id).where(usage.c.key == keys.c.id).exists()
    held = select(holds.c.job).where(holds.c.key == keys.c.id).exists()
    old = select(keys.c.id).where(over(before_ms), ~used, ~held).limit(MOST_CLEANED)
    return database.transact(lambda connection: connection.execute(delete(keys).where(keys.c.id.in_(old))).rowcount)
