"""The rows of films, each with the artefact that it became."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from coordinator.accounts.errors import NotFound
from coordinator.store.database import Database
from coordinator.store.media_tables import artefacts, videos
from coordinator.store.tables import replicas

INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class Film:
    """One film. It runs as long as `ended_ms` is None. `artefact`: the id of what it became, as long as that is there,
    which is until `expires_ms`."""

    name: str
    account: str
    model: str
    width: int
    height: int
    seconds: int
    created_ms: int
    ended_ms: int | None = None
    error: tuple[str, str] | None = None
    artefact: str | None = None
    expires_ms: int | None = None


def add(database: Database, film: Film) -> None:
    """Insert a film that has just begun."""
    own = ("name", "account", "model", "width", "height", "seconds", "created_ms")

    def work(connection: Connection) -> None:
        row = {name: getattr(film, name) for name in own}
        connection.execute(insert(videos).values(**row, owner=database.replica))

    database.transact(work)


def end(
    database: Database, name: str, at_ms: int, *, artefact: str | None = None, error: tuple[str, str] | None = None
) -> None:
    """Note the end of a film, which has one. One that has been deleted meanwhile stays so."""
    code, message = error or (None, None)
    ended = {"ended_ms": at_ms, "artefact": artefact, "error_code": code, "error_message": message}

    def work(connection: Connection) -> None:
        running = (videos.c.name == name) & videos.c.ended_ms.is_(None)
        connection.execute(update(videos).where(running).values(**ended))

    database.transact(work)


def interrupt(database: Database, at_ms: int, before_ms: int) -> int:
    """Note of all films that have no end and are of no replica that lives that their coordinator ended before them, and
    forget those that were begun before `before_ms`. Returns how many were interrupted. Where one coordinator serves
    alone only one that starts may."""
    message = "The coordinator was restarted while the film was made. Nothing was charged: ask for it again."
    why = {"ended_ms": at_ms, "error_code": INTERRUPTED, "error_message": message}

    def work(connection: Connection) -> int:
        living = select(replicas.c.id).where(replicas.c.state == "up")
        left = videos.c.ended_ms.is_(None) & videos.c.owner.not_in(living)
        found = connection.execute(update(videos).where(left).values(**why)).rowcount
        connection.execute(delete(videos).where(videos.c.created_ms < before_ms))
        return found

    return database.transact(work)


def count(database: Database, account: str) -> int:
    """How many films the account has."""
    rows = database.query(select(func.count()).select_from(videos).where(videos.c.account == account))
    return int(rows[0][0])


def find(database: Database, account: str, name: str) -> Film:
    """A film of the account. Raises NotFound."""
    rows = database.query(_films().where(videos.c.account == account, videos.c.name == name))
    if not rows:
        raise NotFound("This account has no such video.")
    return _film(rows[0])


def page(database: Database, account: str, after: str | None, limit: int, ascending: bool) -> list[Film]:
    """Films of the account by their time, the newest first unless `ascending`; those behind the one named `after`.
    Raises NotFound if that is none of the account's."""
    c = videos.c
    statement = _films().where(c.account == account)
    if after is not None:
        at_ms = find(database, account, after).created_ms
        same = c.created_ms == at_ms
        if ascending:
            statement = statement.where((c.created_ms > at_ms) | (same & (c.name > after)))
        else:
            statement = statement.where((c.created_ms < at_ms) | (same & (c.name < after)))
    order = (c.created_ms, c.name) if ascending else (c.created_ms.desc(), c.name.desc())
    return [_film(row) for row in database.query(statement.order_by(*order).limit(limit))]


def remove(database: Database, account: str, name: str) -> None:
    """Delete a film's row. Raises NotFound."""
    mine = (videos.c.account == account) & (videos.c.name == name)

    def work(connection: Connection) -> None:
        if not connection.execute(delete(videos).where(mine)).rowcount:
            raise NotFound("This account has no such video.")

    database.transact(work)


def _films() -> Select[Any]:
    kept = (artefacts.c.id == videos.c.artefact) & artefacts.c.sha256.is_not(None)
    shown = [column for column in videos.c if column.name not in ("artefact", "owner")]
    found = select(*shown, artefacts.c.id.label("artefact"), artefacts.c.expires_ms)
    return found.select_from(videos.outerjoin(artefacts, kept))


def _film(row: Any) -> Film:
    values = dict(row._mapping)
    code, message = values.pop("error_code"), values.pop("error_message")
    return Film(**values, error=(code, message) if code else None)
