"""Messages on their way, in the database: whoever claims one has it for a while, and nobody else tries it meanwhile."""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from coordinator.alerts.address_rows import PAUSED, REMOVED, Address, by_ids, tried
from coordinator.alerts.kinds import OPERATOR
from coordinator.alerts.messages import Message
from coordinator.clock import DAY_MS
from coordinator.store.advisory import Lock, free
from coordinator.store.alert_tables import alert_outbox
from coordinator.store.database import Database
from program.alerts import Alert, Level

MOST_A_DAY = 50  # of one account, to all of its addresses together; of the operator ten times as many
BACKOFF_S = (30.0, 120.0, 600.0, 3600.0)  # before each further try
LEASE_MS = 120_000  # of a claim: longer than all that are claimed at once can take
KEPT_MS = 7 * DAY_MS
MOST_LISTED = 50
LAST = " This is the last message of today: there were too many. The page Alerts has what is sent."
_T, _BEFORE = alert_outbox, alert_outbox.alias("before")


@dataclass(frozen=True)
class Delivery:
    """A message for one address. `address`: of address_rows, "": the operator's."""

    id: str
    account: str
    address: str
    kind: str
    subject: str
    level: Level
    over: bool
    title: str
    text: str
    at_ms: int
    due_ms: int
    tries: int = 0
    state: str = "waiting"
    status: str | None = None

    @property
    def alert(self) -> Alert:
        level, at_s = self.level, self.at_ms // 1000
        return Alert(self.id, self.kind, self.subject, level, self.over, self.title, self.text, at_s)


def put(connection: Connection, messages: Iterable[Message], addresses: Sequence[Address], now_ms: int) -> int:
    """Queue each message for every address that wants it, and the operator's own; returns how many that makes. Of what
    is too much for a day the last says so, and the rest is left out."""
    mine = dict[str, list[Address]]()
    for one in addresses:
        mine.setdefault(one.account, []).append(one)
    wanted = [(message, where) for message in messages for where in _wanting(message, mine.get(message.account, ()))]
    left = {
        account: (MOST_A_DAY * 10 if account == OPERATOR else MOST_A_DAY) - _sent(connection, account, now_ms)
        for account in {message.account for message, _ in wanted}
    }
    rows = []
    for message, address in wanted:
        left[message.account] -= 1
        if left[message.account] >= 0:
            text = message.text + (LAST if left[message.account] == 0 else "")
            made = replace(message, text=text)
            rows.append(asdict(Delivery(_new_id(), address=address, at_ms=now_ms, due_ms=now_ms, **asdict(made))))
    if rows:
        connection.execute(insert(_T), rows)
    return len(rows)


def claim(database: Database, now_ms: int, most: int) -> list[tuple[Delivery, Address | None]]:
    """Messages that are due, for the caller alone during LEASE_MS, with where they go; None: to the operator. Of one
    address those of one moment at a time, in order: that something is over is told after its beginning. The operator's
    go before accounts', and what was not tried yet before what did not arrive: else strangers' servers that never
    answer hold up the others. What nobody takes any more is dropped, and counts for the day as all else."""

    def work(connection: Connection) -> list[tuple[Delivery, Address | None]]:
        same = (_BEFORE.c.account == _T.c.account) & (_BEFORE.c.address == _T.c.address)
        first = ~exists().where(same, _BEFORE.c.state == "waiting", _BEFORE.c.at_ms < _T.c.at_ms)
        due = select(_T).where(_T.c.state == "waiting", _T.c.due_ms <= now_ms, first)
        due = due.order_by(_T.c.address != "", _T.c.tries, _T.c.due_ms).limit(most)
        if not free(connection, Lock.ALERTS):
            return []
        found = [Delivery(**row._mapping) for row in connection.execute(due)]
        if not found:
            return []
        asked = by_ids(connection, [one.address for one in found if one.address])
        known = {name: address for name, address in asked.items() if not address.paused}
        taken = [one for one in found if not one.address or one.address in known]
        why = {one.id: PAUSED if one.address in asked else REMOVED for one in found if one not in taken}
        for status in set(why.values()):
            lost = _T.c.id.in_([name for name in why if why[name] == status])
            connection.execute(update(_T).where(lost).values(state="failed", status=status))
        mine = _T.c.id.in_([one.id for one in taken])
        connection.execute(update(_T).where(mine).values(due_ms=now_ms + LEASE_MS, tries=_T.c.tries + 1))
        return [(replace(one, tries=one.tries + 1), known.get(one.address)) for one in taken]

    return database.transact(work)


def settle(database: Database, one: Delivery, status: str, delivered: bool, again: bool, now_ms: int) -> None:
    """How a try went. `again`: another one may help, and is made as long as there are some left."""
    retried = not delivered and again and one.tries <= len(BACKOFF_S)
    values: dict[str, Any] = {"status": status, "state": "sent" if delivered else "failed"}
    if retried:
        values = {"status": status, "due_ms": now_ms + int(BACKOFF_S[one.tries - 1] * 1000)}

    def work(connection: Connection) -> None:
        connection.execute(update(_T).where(_T.c.id == one.id).values(**values))
        if one.address:
            tried(connection, one.address, status, None if retried else delivered, now_ms)

    database.transact(work)


def deliveries_of(database: Database, account: str) -> list[Delivery]:
    """What an account was sent lately, the newest first."""
    mine = select(_T).where(_T.c.account == account).order_by(_T.c.at_ms.desc(), _T.c.id).limit(MOST_LISTED)
    return [Delivery(**row._mapping) for row in database.query(mine)]


def sweep(connection: Connection, now_ms: int) -> None:
    connection.execute(delete(_T).where(_T.c.at_ms < now_ms - KEPT_MS))


def _wanting(message: Message, addresses: Sequence[Address]) -> list[str]:
    """`addresses`: of its account."""
    if message.account == OPERATOR:
        return [""]
    mine = [one for one in addresses if not one.paused]
    if message.kind == "balance_low":  # each address has a bound of its own
        mine = [one for one in mine if one.id == message.subject]
    return [one.id for one in mine if message.kind in one.alerts]


def _sent(connection: Connection, account: str, now_ms: int) -> int:
    today = select(func.count()).select_from(_T).where(_T.c.account == account, _T.c.at_ms > now_ms - DAY_MS)
    return int(connection.execute(today).scalar_one())


def _new_id() -> str:
    return f"msg_{secrets.token_hex(12)}"
