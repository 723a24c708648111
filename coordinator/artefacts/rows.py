"""The rows of artefacts and of reports about them. What is expired is as good as gone everywhere but for its link."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, insert, select, update

from coordinator.accounts.errors import NotFound
from coordinator.artefact import Artefact
from coordinator.artefacts.errors import NoRoom, TooMany
from coordinator.clock import DAY_MS
from coordinator.store.database import Database
from coordinator.store.media_tables import artefacts, reports
from coordinator.store.tables import settings

REPORTS_A_DAY = 50  # of one account
FORGOTTEN_MS = 30 * DAY_MS  # how long a link that has expired says so, before it is as unknown as any other
# Of one job that are looked for; far fewer are made. Each cell that it goes to counts from another multiple on.
MOST_ATTEMPTS, MOST_CELLS, EACH_CELL = 32, 16, 64
AT_ONCE = 500  # rows that one call of the sweeper's touches: the thread is everybody's


@dataclass(frozen=True)
class Row:
    """An artefact, and what only this side knows of it."""

    artefact: Artefact
    account: str
    origin: str
    sent_sha256: str
    job: str | None = None
    blocked: bool = False


@dataclass(frozen=True)
class Report:
    """What an account said of an artefact that it saw."""

    artefact: str
    account: str
    owner: str
    job: str | None
    sha256: str | None
    reason: str
    at_ms: int


class Kept(NamedTuple):
    """An object that artefacts have."""

    sha256: str
    media_type: str
    size_bytes: int


@dataclass(frozen=True)
class Room:
    """What one account may have at a time."""

    size_bytes: int = 2 * 1024**3
    count: int = 2000


# ---- written ---------------------------------------------------------------------------------------------------------


def add(database: Database, row: Row, room: Room) -> None:
    """Insert an artefact. Raises NoRoom."""
    made = row.artefact

    def work(connection: Connection) -> None:
        check_room(_used(connection, row.account, made.made_ms), room, made.size_bytes)
        values = asdict(made) | {"account": row.account, "origin": row.origin, "job": row.job}
        connection.execute(insert(artefacts).values(**values, sent_sha256=row.sent_sha256, blocked=row.blocked))

    database.transact(work)


def remove(database: Database, account: str, artefact_id: str) -> str | None:
    """Delete an artefact of the account. Returns the object that nobody has any more by that. Raises NotFound."""
    mine = (artefacts.c.id == artefact_id) & (artefacts.c.account == account)

    def work(connection: Connection) -> str | None:
        found = connection.execute(select(artefacts.c.sha256).where(mine)).first()
        if found is None:
            raise NotFound("This account has no such media.")
        connection.execute(delete(artefacts).where(mine))
        return next(iter(_unused(connection, [found.sha256] if found.sha256 else [])), None)

    return database.transact(work)


def expire(database: Database, at_ms: int) -> list[str]:
    """Let go of the bytes of some artefacts whose time is over. Returns the objects that nobody has any more."""
    over = select(artefacts.c.id, artefacts.c.sha256).where(
        artefacts.c.expires_ms <= at_ms, artefacts.c.sha256.is_not(None)
    )

    def work(connection: Connection) -> list[str]:
        rows = connection.execute(over.limit(AT_ONCE)).all()
        ended = artefacts.c.id.in_([row.id for row in rows])
        connection.execute(update(artefacts).where(ended).values(sha256=None))
        connection.execute(delete(artefacts).where(artefacts.c.expires_ms <= at_ms - FORGOTTEN_MS))
        return _unused(connection, [row.sha256 for row in rows])

    return database.transact(work)


def end_all(database: Database, account: str, at_ms: int) -> int:
    """Have all artefacts of an account expire now; the sweeper of the coordinator that runs deletes their bytes.
    Returns how many there were."""
    return database.transact(lambda connection: end_within(connection, account, at_ms))


def end_within(connection: Connection, account: str, at_ms: int) -> int:
    """`end_all` in the caller's transaction."""
    mine = (artefacts.c.account == account) & (artefacts.c.expires_ms > at_ms)
    return connection.execute(update(artefacts).where(mine).values(expires_ms=at_ms)).rowcount


def block(database: Database, artefact_id: str, blocked: bool) -> None:
    """Say whether an artefact may be read by anybody. Raises NotFound."""

    def work(connection: Connection) -> None:
        wanted = update(artefacts).where(artefacts.c.id == artefact_id).values(blocked=blocked)
        if connection.execute(wanted).rowcount != 1:
            raise NotFound(f"there is no artefact {artefact_id!r}: its id is the part of its link before the dot")

    database.transact(work)


def report(database: Database, artefact_id: str, account: str, reason: str, at_ms: int) -> None:
    """Note what an account says of an artefact; once said, it stays as it is. Raises NotFound, TooMany."""

    def work(connection: Connection) -> None:
        row = connection.execute(select(artefacts).where(artefacts.c.id == artefact_id)).first()
        if row is None:
            raise NotFound("There is no such media.")
        mine = reports.c.account == account
        if connection.execute(select(reports.c.id).where(mine, reports.c.artefact == artefact_id)).first():
            return
        today = select(func.count()).select_from(reports).where(mine, reports.c.at_ms > at_ms - DAY_MS)
        if connection.execute(today).scalar_one() >= REPORTS_A_DAY:
            raise TooMany(f"An account reports at most {REPORTS_A_DAY} media a day.")
        about = {"artefact": row.id, "owner": row.account, "job": row.job, "sha256": row.sha256}
        connection.execute(insert(reports).values(**about, account=account, reason=reason, at_ms=at_ms))

    database.transact(work)


def namespace(database: Database, new: str) -> str:
    """The name of this database among those that keep their objects in one place: `new`, the first time."""

    def named(connection: Connection) -> str:
        found = connection.execute(select(settings.c.value).where(settings.c.name == "artefacts")).scalar()
        if found is None:
            connection.execute(insert(settings).values(name="artefacts", value=new))
        return found or new

    return database.transact(named)  # replicas may start at the same moment


# ---- read ------------------------------------------------------------------------------------------------------------


def find(database: Database, artefact_id: str) -> Row | None:
    """The artefact, expired or not; None: it is not known, or was forgotten."""
    rows = database.query(select(artefacts).where(artefacts.c.id == artefact_id))
    return _row(rows[0]) if rows else None


def find_of_job(database: Database, job: str) -> Row | None:
    """What an attempt (JOB/ATTEMPT) made, as long as its bytes are there."""
    rows = database.query(select(artefacts).where(artefacts.c.job == job, artefacts.c.sha256.is_not(None)))
    return _row(rows[0]) if rows else None


def find_made(database: Database, account: str, job: str, at_ms: int) -> Artefact | None:
    """What a job of the account made, by whichever attempt, if it may be read."""
    c = artefacts.c
    attempts = [cell * EACH_CELL + start for cell in range(MOST_CELLS) for start in range(1, MOST_ATTEMPTS + 1)]
    mine = (c.account == account, c.job.in_([f"{job}/{attempt}" for attempt in attempts]))
    there = (c.expires_ms > at_ms, c.sha256.is_not(None), c.blocked.is_(False))
    found = database.query(select(artefacts).where(*mine, *there).limit(1))
    return _row(found[0]).artefact if found else None


def find_sent(database: Database, account: str, sent_sha256: str, until_ms: int) -> Row | None:
    """What the account itself sent with these bytes, if it stays until then."""
    c = artefacts.c
    same = (c.account == account, c.origin == "upload", c.sent_sha256 == sent_sha256)
    rows = database.query(select(artefacts).where(*same, c.expires_ms > until_ms, c.blocked.is_(False)).limit(1))
    return _row(rows[0]) if rows else None


def page(database: Database, account: str, after: str | None, limit: int, at_ms: int) -> list[Row]:
    """Artefacts of the account that have not expired, newest first; those behind the one with the id `after`. Raises
    NotFound if that is none of the account's."""
    c = artefacts.c
    statement = select(artefacts).where(c.account == account, c.expires_ms > at_ms)
    if after is not None:
        found = database.query(select(c.made_ms).where(c.id == after, c.account == account))
        if not found:
            raise NotFound("This account has no such media to go on after.")
        (made_ms,) = found[0]
        statement = statement.where((c.made_ms < made_ms) | ((c.made_ms == made_ms) & (c.id < after)))
    rows = database.query(statement.order_by(c.made_ms.desc(), c.id.desc()).limit(limit))
    return [_row(row) for row in rows]


def used(database: Database, account: str, at_ms: int) -> Room:
    """What the account has."""
    rows = database.query(_sums(account, at_ms))
    return Room(int(rows[0][1]), int(rows[0][0]))


def total(database: Database, at_ms: int) -> Room:
    """What all accounts have."""
    rows = database.query(_sums(None, at_ms))
    return Room(int(rows[0][1]), int(rows[0][0]))


def check_room(has: Room, room: Room, size_bytes: int) -> None:
    """Raises NoRoom if so many bytes more do not fit."""
    if has.count >= room.count:
        raise NoRoom(f"This account has {has.count:,} media files, and may have {room.count:,}: delete some.")
    if has.size_bytes + size_bytes > room.size_bytes:
        have, most = (f"{size / 2**20:,.0f} MiB" for size in (has.size_bytes, room.size_bytes))
        raise NoRoom(f"This account has {have} of media, and may have {most}: delete some.")


def without_rows(database: Database, objects: Sequence[str]) -> list[str]:
    """Those of the objects that no artefact has."""
    rows = database.query(select(artefacts.c.sha256).where(artefacts.c.sha256.in_(objects)))
    known = {row[0] for row in rows}
    return [name for name in objects if name not in known]


def kept(database: Database) -> list[Kept]:
    """Every object that some artefact has, by name."""
    c = artefacts.c
    statement = select(c.sha256, func.min(c.media_type), func.max(c.size_bytes)).where(c.sha256.is_not(None))
    return [Kept(*found) for found in database.query(statement.group_by(c.sha256).order_by(c.sha256))]


def list_reports(database: Database, limit: int) -> list[Report]:
    """The last ones, newest first."""
    rows = database.query(select(reports).order_by(reports.c.id.desc()).limit(limit))
    return [Report(**{name: row._mapping[name] for name in Report.__annotations__}) for row in rows]


def _unused(connection: Connection, objects: Sequence[str]) -> list[str]:
    if not objects:
        return []
    rows = connection.execute(select(artefacts.c.sha256).where(artefacts.c.sha256.in_(objects))).all()
    return sorted(set(objects) - {row.sha256 for row in rows})


def _used(connection: Connection, account: str, at_ms: int) -> Room:
    count, size = connection.execute(_sums(account, at_ms)).one()
    return Room(int(size), int(count))


def _sums(account: str | None, at_ms: int) -> Any:
    size = func.coalesce(func.sum(artefacts.c.size_bytes), 0)
    statement = select(func.count(), size).select_from(artefacts).where(artefacts.c.expires_ms > at_ms)
    return statement if account is None else statement.where(artefacts.c.account == account)


def _row(found: Any) -> Row:
    values = dict(found._mapping)
    own = {name: values.pop(name) for name in ("account", "origin", "sent_sha256", "job", "blocked")}
    return Row(Artefact(**{**values, "sha256": values["sha256"] or ""}), **own)
