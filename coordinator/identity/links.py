"""Accounts that people have elsewhere, as ways in: (issuer, subject) is linked with one account, and no e-mail address
is ever looked at."""

import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from coordinator.identity.errors import Refused
from coordinator.identity.sessions import end_sessions
from coordinator.store.account_lock import lock_account
from coordinator.store.audit_log import record
from coordinator.store.database import Database
from coordinator.store.identity_tables import passkeys, provider_links
from wire.errors import ErrorCode

MOST_LINKS = 20  # of one account


@dataclass(frozen=True)
class Who:
    """Somebody, by the name that an issuer has for them."""

    issuer: str
    subject: str


@dataclass(frozen=True)
class LinkRow:
    """`id`: ours, for addresses and lists."""

    id: str
    account: str
    issuer: str
    subject: str
    created_ms: int
    used_ms: int | None = None


def links_of(database: Database, account: str) -> list[LinkRow]:
    """Those of an account (its id), oldest first."""
    mine = select(provider_links).where(provider_links.c.account == account)
    rows = database.query(mine.order_by(provider_links.c.created_ms, provider_links.c.id))
    return [LinkRow(**row._mapping) for row in rows]


def link_of(database: Database, who: Who) -> LinkRow | None:
    """The link that lets them in."""
    theirs = (provider_links.c.issuer == who.issuer, provider_links.c.subject == who.subject)
    rows = database.query(select(provider_links).where(*theirs))
    return LinkRow(**rows[0]._mapping) if rows else None


def add_link(connection: Connection, account: str, who: Who, actor: str, at_ms: int) -> None:
    """`actor`: who does it, for the audit log. Raises Refused if the account has too many, or they are linked already.
    The caller has locked the account."""
    mine = select(func.count()).select_from(provider_links).where(provider_links.c.account == account)
    if connection.execute(mine).scalar_one() >= MOST_LINKS:
        raise Refused(ErrorCode.INVALID_REQUEST, f"An account has at most {MOST_LINKS} links: remove one.")
    row = LinkRow(f"link_{secrets.token_hex(8)}", account, who.issuer, who.subject, at_ms)
    try:
        connection.execute(insert(provider_links).values(**asdict(row)))
    except IntegrityError:
        message = "You have an account here already that this one is linked with: sign in with it."
        raise Refused(ErrorCode.INVALID_REQUEST, message) from None
    record(connection, actor, "link made", account, f"{row.id} {who.issuer}", at_ms)


def link_used(connection: Connection, link: str, at_ms: int) -> None:
    """Raises Refused if it has been removed since it was looked up."""
    used = connection.execute(update(provider_links).where(provider_links.c.id == link).values(used_ms=at_ms))
    if used.rowcount != 1:
        raise Refused(ErrorCode.PERMISSION_DENIED, "This link has just been removed.")


def remove_link(
    database: Database, account: str, link: str, session: str, issuers: Collection[str], at_ms: int
) -> None:
    """All sessions but this one (its id) end with it, as whoever has the account elsewhere may be in one. `issuers`:
    with whom people come in now. Raises Refused if the account has no such link, or no way in without it."""
    mine = (provider_links.c.account == account, provider_links.c.id == link)

    def work(connection: Connection) -> None:
        lock_account(connection, account)
        issuer = connection.execute(select(provider_links.c.issuer).where(*mine)).scalar()
        if issuer is None:
            raise Refused(ErrorCode.NOT_FOUND, "This account has no such link.")
        connection.execute(delete(provider_links).where(*mine))
        if not ways_in(connection, account, issuers):
            raise Refused(ErrorCode.INVALID_REQUEST, "This is the only way in: add a passkey or another link first.")
        record(connection, session, "link removed", account, f"{link} {issuer}", at_ms)
        end_sessions(connection, account, at_ms, but=session)

    database.transact(work)


def ways_in(connection: Connection, account: str, issuers: Collection[str]) -> int:
    """How many passkeys and links let somebody into the account; `issuers`: with whom people come in now."""
    keys = select(func.count()).select_from(passkeys).where(passkeys.c.account == account)
    mine = (provider_links.c.account == account, provider_links.c.issuer.in_(issuers))
    links = select(func.count()).select_from(provider_links).where(*mine)
    return int(connection.execute(keys).scalar_one() + connection.execute(links).scalar_one())
