"""Passkeys, recovery codes, invites, answered challenges and counted sign-ups in the database."""

import secrets
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from coordinator.clock import DAY_MS
from coordinator.identity.errors import Refused
from coordinator.identity.links import ways_in
from coordinator.identity.sessions import end_sessions
from coordinator.identity.tokens import Tokens, plain_code, recovery_code
from coordinator.store.account_lock import lock_account
from coordinator.store.database import Database
from coordinator.store.identity_tables import (
    invites,
    passkeys,
    provider_links,
    recovery_codes,
    signups,
    spent_challenges,
)
from wire.errors import ErrorCode

MOST_PASSKEYS = 20  # of one account
A_DAY = 5  # accounts made without an invite from one range of addresses
CODE_BYTES = 10  # of an invite: nobody guesses one
KEPT_DAYS = 2  # counts of sign-ups


@dataclass(frozen=True)
class PasskeyRow:
    """A passkey. `id` is the credential's own; `counter` that of its signatures."""

    id: str
    account: str
    name: str
    public_key: bytes
    counter: int
    created_ms: int
    used_ms: int | None = None


@dataclass(frozen=True)
class InviteRow:
    """An invite. `made_by`: an account, None: the operator. `account`: who comes by it adds a passkey to that one,
    None: makes an account. It is `live` until it is used, revoked or too old."""

    id: str
    hash: str
    made_by: str | None
    account: str | None
    note: str
    made_ms: int
    expires_ms: int
    used_ms: int | None = None
    used_by: str | None = None
    revoked_ms: int | None = None

    def state(self, at_ms: int) -> str:
        if self.used_ms is not None:
            return "used"
        if self.revoked_ms is not None:
            return "revoked"
        return "live" if self.expires_ms > at_ms else "expired"


# ---- passkeys --------------------------------------------------------------------------------------------------------


def passkeys_of(database: Database, account: str) -> list[PasskeyRow]:
    """Those of an account (its id), oldest first."""
    mine = select(passkeys).where(passkeys.c.account == account).order_by(passkeys.c.created_ms, passkeys.c.id)
    return [PasskeyRow(**row._mapping) for row in database.query(mine)]


def passkey(database: Database, credential: str) -> PasskeyRow | None:
    rows = database.query(select(passkeys).where(passkeys.c.id == credential))
    return PasskeyRow(**rows[0]._mapping) if rows else None


def add_passkey(connection: Connection, row: PasskeyRow) -> None:
    """Raises Refused if the account has too many, or the passkey is somebody's already. The caller has locked the
    account."""
    mine = select(func.count()).select_from(passkeys).where(passkeys.c.account == row.account)
    if connection.execute(mine).scalar_one() >= MOST_PASSKEYS:
        raise Refused(ErrorCode.INVALID_REQUEST, f"An account has at most {MOST_PASSKEYS} passkeys: remove one.")
    try:
        connection.execute(insert(passkeys).values(**asdict(row)))
    except IntegrityError:
        raise Refused(ErrorCode.INVALID_REQUEST, "This passkey is in use already.") from None


def passkey_used(connection: Connection, credential: str, counter: int, at_ms: int) -> None:
    """Raises Refused if it has been removed since it was looked up."""
    highest = case((passkeys.c.counter > counter, passkeys.c.counter), else_=counter)
    shown = update(passkeys).where(passkeys.c.id == credential).values(counter=highest, used_ms=at_ms)
    if connection.execute(shown).rowcount != 1:
        raise Refused(ErrorCode.PERMISSION_DENIED, "This passkey has just been removed.")


def remove_passkey(
    database: Database, account: str, credential: str, session: str, at_ms: int, issuers: Collection[str] = ()
) -> None:
    """All sessions but this one (its id) end with it, as whoever had the passkey may be in one. `issuers`: of the
    providers that people come in with now. Raises Refused if the account has no such passkey, or no way in without
    it."""
    mine = (passkeys.c.account == account, passkeys.c.id == credential)

    def work(connection: Connection) -> None:
        lock_account(connection, account)
        if connection.execute(delete(passkeys).where(*mine)).rowcount != 1:
            raise Refused(ErrorCode.NOT_FOUND, "This account has no such passkey.")
        if not ways_in(connection, account, issuers):
            raise Refused(ErrorCode.INVALID_REQUEST, "This is the only passkey: add another one first.")
        end_sessions(connection, account, at_ms, but=session)

    database.transact(work)


# ---- recovery codes --------------------------------------------------------------------------------------------------


def replace_codes(database: Database, account: str, hashes: Sequence[str], session: str, at_ms: int) -> None:
    """These are the account's codes now: those of before are of no use any more, and all sessions but this one (its id)
    end, as whoever may have seen the codes may be in one."""

    def work(connection: Connection) -> None:
        lock_account(connection, account)
        connection.execute(delete(recovery_codes).where(recovery_codes.c.account == account))
        rows = [{"hash": one, "account": account, "made_ms": at_ms} for one in hashes]
        connection.execute(insert(recovery_codes), rows)
        end_sessions(connection, account, at_ms, but=session)

    database.transact(work)


def codes_left(database: Database, account: str) -> int:
    unused = (recovery_codes.c.account == account, recovery_codes.c.used_ms.is_(None))
    return int(database.query(select(func.count()).select_from(recovery_codes).where(*unused))[0][0])


def use_code(connection: Connection, hashed: str, at_ms: int) -> str:
    """Use a code up. Returns the account that it lets in, locked. Raises Refused."""
    owner = connection.execute(select(recovery_codes.c.account).where(recovery_codes.c.hash == hashed)).scalar()
    if owner is not None:
        lock_account(connection, owner)
    unused = (recovery_codes.c.hash == hashed, recovery_codes.c.used_ms.is_(None))
    if connection.execute(update(recovery_codes).where(*unused).values(used_ms=at_ms)).rowcount != 1:
        raise Refused(ErrorCode.PERMISSION_DENIED, "This code is mistyped, used up, or of another network.")
    return str(owner)


# ---- invites ---------------------------------------------------------------------------------------------------------


def new_invite(
    tokens: Tokens, at_ms: int, days: int, note: str, *, made_by: str | None = None, account: str | None = None
) -> tuple[str, InviteRow]:
    """An invite that is not stored yet: its code, which nobody can look up later, and its row."""
    code = recovery_code(secrets.token_bytes(CODE_BYTES))
    hashed = tokens.hash("invite", plain_code(code))
    row = InviteRow(f"inv_{secrets.token_hex(8)}", hashed, made_by, account, note, at_ms, at_ms + days * DAY_MS)
    return code, row


def add_invite(database: Database, row: InviteRow, most: int | None = None) -> None:
    """`most`: that its maker may make in all, None: any number. Raises Refused."""

    def work(connection: Connection) -> None:
        if row.made_by is not None:
            lock_account(connection, row.made_by)
        made = select(func.count()).select_from(invites).where(invites.c.made_by == row.made_by)
        if most is not None and connection.execute(made).scalar_one() >= most:
            raise Refused(ErrorCode.PERMISSION_DENIED, f"An account may make {most} invites, and this one has.")
        connection.execute(insert(invites).values(**asdict(row)))

    database.transact(work)


def list_invites(
    database: Database, made_by: str | None = None, after: tuple[Any, str] | None = None, most: int | None = None
) -> list[InviteRow]:
    """Those that an account made, or all, newest first; at most so many behind the one of that `made_ms` and id."""
    wanted = select(invites).order_by(invites.c.made_ms.desc(), invites.c.id).limit(most)
    if made_by is not None:
        wanted = wanted.where(invites.c.made_by == made_by)
    if after is not None:
        made_ms, name = after
        wanted = wanted.where(or_(invites.c.made_ms < made_ms, and_(invites.c.made_ms == made_ms, invites.c.id > name)))
    return [InviteRow(**row._mapping) for row in database.query(wanted)]


def live_invite(database: Database, hashed: str, at_ms: int) -> InviteRow:
    """The invite with this hash. Raises Refused if it is none that can be used."""
    rows = database.query(select(invites).where(invites.c.hash == hashed))
    row = InviteRow(**rows[0]._mapping) if rows else None
    if row is None or row.state(at_ms) != "live":
        raise _no_invite(row, at_ms)
    return row


def use_invite(connection: Connection, invite: str, account: str, at_ms: int) -> None:
    """Use an invite (its id) up for the account that comes by it. Raises Refused if another one was quicker."""
    live = (invites.c.id == invite, invites.c.used_ms.is_(None), invites.c.revoked_ms.is_(None))
    in_time = invites.c.expires_ms > at_ms
    used = connection.execute(update(invites).where(*live, in_time).values(used_ms=at_ms, used_by=account))
    if used.rowcount != 1:
        found = connection.execute(select(invites).where(invites.c.id == invite)).one_or_none()
        raise _no_invite(InviteRow(**found._mapping) if found else None, at_ms)


def revoke_invite(database: Database, invite: str, at_ms: int, made_by: str | None = None) -> None:
    """Revoke one that is not used; one that this account made, or any. Raises Refused."""
    mine = [invites.c.id == invite, invites.c.used_ms.is_(None), invites.c.revoked_ms.is_(None)]
    if made_by is not None:
        mine.append(invites.c.made_by == made_by)

    def work(connection: Connection) -> None:
        if connection.execute(update(invites).where(*mine).values(revoked_ms=at_ms)).rowcount != 1:
            raise Refused(ErrorCode.NOT_FOUND, f"There is no invite {invite[:64]!r} that is not used or revoked.")

    database.transact(work)


def _no_invite(row: InviteRow | None, at_ms: int) -> Refused:
    """Why it lets nobody in, and whom to ask. Only who has the code itself is told: it is too long to be guessed."""
    if row is None:
        message = "There is no such invite here: check that the link is whole, or ask who sent it for another."
        return Refused(ErrorCode.PERMISSION_DENIED, message)
    day = datetime.fromtimestamp(row.expires_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
    why = {"used": "has been used", "revoked": "was revoked"}.get(row.state(at_ms), f"expired on {day}")
    whom = "the operator of this network" if row.made_by is None else "the member who sent it to you"
    return Refused(ErrorCode.PERMISSION_DENIED, f"This invite {why}: ask {whom} for another.")


# ---- challenges and sign-ups -----------------------------------------------------------------------------------------


def spend_challenge(connection: Connection, hashed: str, expires_ms: int, at_ms: int) -> None:
    """Note that a challenge has been answered. Raises Refused the second time."""
    connection.execute(delete(spent_challenges).where(spent_challenges.c.expires_ms <= at_ms))
    try:
        connection.execute(insert(spent_challenges).values(hash=hashed, expires_ms=expires_ms))
    except IntegrityError:
        raise Refused(ErrorCode.PERMISSION_DENIED, "This has been answered already: begin again.") from None


def count_signup(connection: Connection, place: str, at_ms: int) -> None:
    """Count a sign-up from a range of addresses (its hash). Raises Refused where there were A_DAY today."""
    day = at_ms // DAY_MS
    connection.execute(delete(signups).where(signups.c.day < day - KEPT_DAYS))
    here = (signups.c.place == place, signups.c.day == day)
    if connection.execute(update(signups).where(*here).values(number=signups.c.number + 1)).rowcount != 1:
        connection.execute(insert(signups).values(place=place, day=day, number=1))
    if connection.execute(select(signups.c.number).where(*here)).scalar_one() > A_DAY:
        message = f"There were {A_DAY} sign-ups from your part of the internet today: try tomorrow, or with an invite."
        raise Refused(ErrorCode.RATE_LIMIT_EXCEEDED, message)


def forget(connection: Connection, account: str, at_ms: int) -> None:
    """Delete how the people of an account sign in, revoke what it has invited, and blank what notes say of them."""
    connection.execute(delete(passkeys).where(passkeys.c.account == account))
    connection.execute(delete(provider_links).where(provider_links.c.account == account))
    connection.execute(delete(recovery_codes).where(recovery_codes.c.account == account))
    theirs = or_(invites.c.made_by == account, invites.c.account == account)
    unused = (theirs, invites.c.used_ms.is_(None), invites.c.revoked_ms.is_(None))
    connection.execute(update(invites).where(*unused).values(revoked_ms=at_ms))
    named = or_(theirs, invites.c.used_by == account)  # who invited them may have written down their name
    connection.execute(update(invites).where(named).values(note=""))
