"""The replicas that serve with one database: each start is a row, and who still lives is told by its beat.

A beat is a number that grows. Nobody's clock is compared with another's: a replica is dead once another one has seen
its beat stand still in STILL polls that succeeded, so that neither a database that was away nor an observer that slept
ends anybody. One that was taken for dead and lives goes on under a new id.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from coordinator.clock import now_ms
from coordinator.store.advisory import Lock, free, wait
from coordinator.store.tables import holds, replicas, requests, servers

BEAT_S = 5.0
STILL = 6  # polls, one each BEAT_S seconds
PURSES = 64
KEPT_MS = 30 * 24 * 3600 * 1000  # rows of starts
MOST_CLEANED = 1000
# Asked in each transaction of a replica, so made once: to make it takes SQLAlchemy longer than its answer.
_STATE = select(replicas.c.state).where(replicas.c.id == bindparam("owner"))


@dataclass(frozen=True)
class Identity:
    """As whom a process writes. `server`: the number of its start, None in a command of an operator. `owner`: whose its
    new holds are, "" where one server serves alone; `former`: who it was before others took it for dead. `purse`: which
    of the platform's it books in, None: the one that has no number."""

    server: int | None = None
    owner: str = ""
    former: frozenset[str] = frozenset()
    purse: int | None = None

    @property
    def own(self) -> frozenset[str]:
        return self.former | {self.owner}


def start_alone(connection: Connection) -> Identity:
    """From now on this server is the last one: whoever served before and still runs writes nothing more."""
    end_all(connection)
    return Identity(_number(connection))


def join(connection: Connection, name: str, before: Identity | None = None) -> Identity:
    """A new row for a replica that starts, or that comes back and finds that it was taken for dead."""
    wait(connection, Lock.REPLICAS)
    at_ms, server = now_ms(), before.server if before else None
    server = _number(connection) if server is None else server
    taken = set(connection.execute(select(replicas.c.purse).where(replicas.c.state == "up")).scalars())
    free = [purse for purse in range(PURSES) if purse not in taken] or [secrets.randbelow(PURSES)]
    identity = Identity(server, secrets.token_hex(4), before.own if before else frozenset(), free[0])
    row = {"id": identity.owner, "name": name, "started_ms": at_ms, "beat": 0, "version": version("supernet")}
    connection.execute(insert(replicas).values(**row, state="up", purse=free[0], server=server))
    return identity


def lives(connection: Connection, identity: Identity) -> bool:
    """Whether nobody has taken this replica for dead."""
    return bool(connection.execute(_STATE, {"owner": identity.owner}).scalar() == "up")


def beat(connection: Connection, identity: Identity) -> None:
    """Say that this replica lives."""
    connection.execute(update(replicas).where(replicas.c.id == identity.owner).values(beat=replicas.c.beat + 1))


def beats(connection: Connection) -> dict[str, int]:
    """The beat of every replica that is not known to be dead."""
    rows = connection.execute(select(replicas.c.id, replicas.c.beat).where(replicas.c.state == "up"))
    return {row.id: row.beat for row in rows}


def end(connection: Connection, replica: str, seen: int) -> bool:
    """Take a replica for dead, unless it has beaten since `seen`."""
    still = (replicas.c.id == replica, replicas.c.state == "up", replicas.c.beat == seen)
    return connection.execute(update(replicas).where(*still).values(state="dead")).rowcount == 1


def end_all(connection: Connection) -> None:
    """Take all replicas for dead: none of them serves when a server serves alone."""
    connection.execute(update(replicas).where(replicas.c.state == "up").values(state="dead"))


def clean(connection: Connection, before_ms: int) -> int:
    """Delete rows of starts before that time which nothing needs any more: MOST_CLEANED of each table at most. Returns
    how many. One that was overtaken while it ran stays, for the audit, and so does the last."""
    if not free(connection, Lock.REPLICAS):
        return 0
    held = select(holds.c.owner).where(holds.c.state == "held")
    asked = select(requests.c.edge).where(requests.c.state == "running")
    gone = replicas.c.state == "dead", replicas.c.id.not_in(held), replicas.c.id.not_in(asked)
    old = select(replicas.c.id).where(replicas.c.started_ms < before_ms, *gone).limit(MOST_CLEANED)
    cleaned = connection.execute(delete(replicas).where(replicas.c.id.in_(old))).rowcount
    last = select(func.max(servers.c.number)).scalar_subquery()
    known = select(replicas.c.server)
    needed = servers.c.number < last, servers.c.overtaken_ms.is_(None), servers.c.number.not_in(known)
    starts = select(servers.c.number).where(servers.c.started_ms < before_ms, *needed).limit(MOST_CLEANED)
    return cleaned + connection.execute(delete(servers).where(servers.c.number.in_(starts))).rowcount


def leave(connection: Connection, identity: Identity) -> None:
    """Say that this replica ends."""
    connection.execute(update(replicas).where(replicas.c.id == identity.owner).values(state="dead"))


def _number(connection: Connection) -> int:
    made = connection.execute(insert(servers).values(started_ms=now_ms())).inserted_primary_key
    assert made is not None
    return int(made[0])


@dataclass
class Stillness:
    """What one replica has seen of the beats of all: how often each stood still, poll by poll."""

    _seen: dict[str, tuple[int, int]] = field(default_factory=dict)  # id -> beat, polls

    def look(self, found: Mapping[str, int]) -> dict[str, int]:
        """Take a poll that succeeded. Returns those that are dead by now, with the beat that they were seen at."""
        before, self._seen = self._seen, {}
        for replica, number in found.items():
            beat_before, polls = before.get(replica, (None, 0))
            self._seen[replica] = number, polls + 1 if number == beat_before else 0
        return {replica: number for replica, (number, polls) in self._seen.items() if polls >= STILL}
