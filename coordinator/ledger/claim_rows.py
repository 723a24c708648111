"""The rows of Idempotency-Keys: read and locked for a group of orders, written with it, looked up, and forgotten."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Connection, and_, bindparam, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_not

from coordinator.ledger.claims import Claimed, Claims
from coordinator.ledger.orders import Keep
from coordinator.store.database import Database
from coordinator.store.errors import Contended
from coordinator.store.replicas import Identity
from coordinator.store.tables import replicas, requests

MOST_KEPT = 100_000  # answers, of all accounts together
NOBODY = "-"  # whose a request is that its server left behind


def read_claims(connection: Connection, keys: Iterable[tuple[str, str]], identity: Identity) -> Claims:
    """What these keys stand for, locked until the transaction ends. Answers are not read."""
    among = set(keys)
    asked = {"accounts": sorted({account for account, _ in among}), "names": sorted({key for _, key in among})}
    rows = connection.execute(_CLAIMS, asked).all() if among else ()
    known = {(row.account, row.key): _claimed(row) for row in rows}
    return Claims(identity.owner, identity.own, known)


def _claimed(row: Any) -> Claimed:
    return Claimed(row.fingerprint, row.attempt, row.job, row.edge, row.at_ms, row.state)


def write_claims(connection: Connection, claims: Claims) -> None:
    """Write what has changed. Raises Contended if another replica has just claimed one of the keys."""
    for name in sorted(claims.known.keys() | claims.before.keys()):
        before, after = claims.before.get(name), claims.known.get(name)
        if before == after:
            continue
        account, key = name
        mine = (requests.c.account == account, requests.c.key == key)
        if after is None:
            connection.execute(delete(requests).where(*mine))
        elif before is not None:
            connection.execute(update(requests).where(*mine).values(**_values(after, before.attempt)))
        elif not connection.execute(_CLAIM, {"account": account, "key": key, **_values(after)}).rowcount:
            raise Contended("another replica has just claimed this Idempotency-Key")


def _values(claimed: Claimed, attempt: int | None = None) -> dict[str, Any]:
    """`attempt`: of the row as it is. What that has of the same attempt stays, unless there is something newer."""
    same = ("fingerprint", "attempt", "job", "edge", "at_ms", "state")
    values = {name: getattr(claimed, name) for name in same}
    if claimed.kept is None and claimed.mark is None and claimed.attempt == attempt:
        return values
    answer = {name: getattr(claimed.kept, name, None) for name in ("media_type", "body", "files")}
    return {**values, **answer, **({} if claimed.kept else {"body": claimed.mark})}


# ---- outside of groups -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What a key stands for, with the answer if there is one. `lives`: the replica whose client it is, as far as the
    database knows; `own`: that is this one."""

    claimed: Claimed
    lives: bool
    own: bool


def find(database: Database, account: str, key: str) -> Found | None:
    """What an account's key stands for; None: nothing. Raises Unavailable."""
    up = select(replicas.c.id).where(replicas.c.id == requests.c.edge, replicas.c.state == "up").exists()
    mine = (requests.c.account == account, requests.c.key == key)
    rows = database.query(select(requests, up.label("up")).where(*mine))
    if not rows:
        return None
    (row,) = rows
    claimed = _claimed(row)
    if row.state == "done":
        claimed = replace(claimed, kept=Keep(account, key, row.media_type, row.body, row.files, row.at_ms))
    else:
        claimed = replace(claimed, mark=row.body)
    return Found(claimed, bool(row.up), row.edge in database.identity.own)


def release(connection: Connection, jobs: Collection[str]) -> None:
    """Let the keys go that came with these holds, and whose requests nobody runs any more."""
    connection.execute(delete(requests).where(requests.c.job.in_(jobs), requests.c.state == "running"))


def release_left(connection: Connection, among: ColumnElement[bool]) -> None:
    """Let those of these keys go whose requests have no answer: nobody runs them. One of which a part is done goes on
    where it stood, once its client comes for it."""
    left = (among, requests.c.state == "running")
    connection.execute(delete(requests).where(*left, requests.c.body.is_(None)))
    connection.execute(update(requests).where(*left).values(edge=NOBODY))


def widowed(database: Database) -> list[str]:
    """The dead replicas whose clients may yet come to another one for what they asked. Raises Unavailable."""
    dead = select(replicas.c.id).where(replicas.c.state == "dead")
    left = select(requests.c.edge).where(requests.c.state == "running", requests.c.edge.in_(dead)).distinct()
    return [row.edge for row in database.query(left)]


def forget(database: Database, before_ms: int) -> int:
    """Delete what is older, and the oldest answers beyond MOST_KEPT. Returns how many. Raises Unavailable."""
    return database.transact(lambda connection: _forget(connection, before_ms))


def _forget(connection: Connection, before_ms: int) -> int:
    """A request that runs is no answer yet: who comes back for it must find it however many others there were since."""
    done = requests.c.state == "done"
    newest = select(requests.c.at_ms).where(done).order_by(requests.c.at_ms.desc()).offset(MOST_KEPT).limit(1)
    beyond = connection.execute(newest).scalar()
    old = requests.c.at_ms < before_ms
    if beyond is not None:
        old = or_(old, and_(done, requests.c.at_ms <= beyond))
    return connection.execute(delete(requests).where(old)).rowcount


_ACCOUNTS: BindParameter[Any] = bindparam("accounts", expanding=True)
_NAMES: BindParameter[Any] = bindparam("names", expanding=True)
_COLUMNS = ("account", "key", "fingerprint", "attempt", "job", "state", "edge", "at_ms")
_CLAIMS = (
    select(*(requests.c[name] for name in _COLUMNS))
    .where(requests.c.account.in_(_ACCOUNTS), requests.c.key.in_(_NAMES))  # of pairs SQLite would read all rows
    .order_by(requests.c.account, requests.c.key)
    .with_for_update()
)
_CLAIM = insert_or_not(requests).on_conflict_do_nothing().execution_options(preserve_rowcount=True)
