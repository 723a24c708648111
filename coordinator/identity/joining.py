"""Coming in and leaving for good, each in one transaction: either all of it has happened or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, delete, select, true, update

from coordinator.accounts.accounts import KeyRequest, made_key
from coordinator.accounts.rows import (
    AccountRow,
    KeyRow,
    add_account,
    add_key,
    changed,
    get_account,
    list_keys,
)
from coordinator.alerts.address_rows import forget_account
from coordinator.artefacts.rows import end_within
from coordinator.identity.errors import Refused
from coordinator.identity.links import LinkRow, Who, add_link, link_used
from coordinator.identity.passkeys import Passkey
from coordinator.identity.rows import (
    PasskeyRow,
    add_passkey,
    count_signup,
    forget,
    passkey_used,
    spend_challenge,
    use_code,
    use_invite,
)
from coordinator.identity.sessions import end_sessions, open_session
from coordinator.ledger import energy_days
from coordinator.ledger.commit import apply
from coordinator.ledger.grants import starter
from coordinator.ledger.payouts import close_payouts
from coordinator.store.account_lock import lock_account
from coordinator.store.database import Database
from coordinator.store.history_tables import history_workers
from coordinator.store.tables import DELETED, accounts, holds, keys, requests
from wire.errors import ErrorCode

MOST_CLEANED = 500  # requests in one transaction


@dataclass(frozen=True)
class Answered:
    """A challenge that was answered well: its hash, when it would have ended, and the hash of the session to open."""

    challenge: str
    expires_ms: int
    session: str


@dataclass(frozen=True)
class Newcomer:
    """Who comes. `way`: how they come in from now on. `invite`: the id of the one that is used; `place`: the hash of a
    range that is counted where there is none; `account`: the account that is made, or, with `exists`, entered."""

    account: str
    name: str
    way: Passkey | Who
    invite: str | None = None
    place: str | None = None
    exists: bool = False


def sign_up(
    database: Database, pepper: bytes, new: Newcomer, answered: Answered, starter_nano: int, at_ms: int
) -> str | None:
    """Make the account with its first key, way in and session; or add the way in to the account that the invite is
    for. Returns the key, which nobody can look up later; None where no account was made. Raises Refused."""

    def work(connection: Connection) -> str | None:
        lock_account(connection, new.account)
        spend_challenge(connection, answered.challenge, answered.expires_ms, at_ms)
        if new.place is not None:
            count_signup(connection, new.place, at_ms)
        key = None
        if not new.exists:
            add_account(connection, AccountRow(new.account, new.name, at_ms))
            if starter_nano:
                apply(connection, [starter(new.account, starter_nano, at_ms)])
            key, row = made_key(pepper, KeyRequest("first key", new.account), new.account, at_ms)
            add_key(connection, row)
        if new.invite is not None:
            use_invite(connection, new.invite, new.account, at_ms)
        session = _enter(database, connection, new.account, answered.session, at_ms)
        if isinstance(new.way, Who):
            add_link(connection, new.account, new.way, session.id, at_ms)
        else:
            add_passkey(connection, passkey_row(new.account, "passkey", new.way, at_ms))
        return key

    return database.transact(work)


def passkey_row(account: str, name: str, made: Passkey, at_ms: int) -> PasskeyRow:
    return PasskeyRow(made.id, account, name, made.public_key, made.counter, at_ms)


def sign_in(database: Database, row: PasskeyRow, counter: int, answered: Answered, at_ms: int) -> None:
    """Open a session for who has shown this passkey. Raises Refused."""

    def work(connection: Connection) -> None:
        lock_account(connection, row.account)
        spend_challenge(connection, answered.challenge, answered.expires_ms, at_ms)
        passkey_used(connection, row.id, counter, at_ms)
        _enter(database, connection, row.account, answered.session, at_ms)

    database.transact(work)


def sign_in_by_link(database: Database, row: LinkRow, answered: Answered, at_ms: int) -> None:
    """Open a session for whom the provider has named. Raises Refused."""

    def work(connection: Connection) -> None:
        lock_account(connection, row.account)
        spend_challenge(connection, answered.challenge, answered.expires_ms, at_ms)
        link_used(connection, row.id, at_ms)
        _enter(database, connection, row.account, answered.session, at_ms)

    database.transact(work)


def link_another(database: Database, account: str, who: Who, session: str, answered: Answered, at_ms: int) -> None:
    """One link more for who is signed in; `session`: its id. Raises Refused."""

    def work(connection: Connection) -> None:
        lock_account(connection, account)
        spend_challenge(connection, answered.challenge, answered.expires_ms, at_ms)
        add_link(connection, account, who, session, at_ms)

    database.transact(work)


def add_another(database: Database, row: PasskeyRow, answered: Answered, at_ms: int) -> None:
    """One passkey more for who is signed in. Raises Refused."""

    def work(connection: Connection) -> None:
        lock_account(connection, row.account)
        spend_challenge(connection, answered.challenge, answered.expires_ms, at_ms)
        add_passkey(connection, row)

    database.transact(work)


def recover(database: Database, code: str, session: str, at_ms: int) -> None:
    """Open a session for who has this recovery code (its hash), and end all others: what is lost may have been stolen.
    Raises Refused."""

    def work(connection: Connection) -> None:
        account = use_code(connection, code, at_ms)
        end_sessions(connection, account, at_ms)
        _enter(database, connection, account, session, at_ms)

    database.transact(work)


def _enter(database: Database, connection: Connection, account: str, session: str, at_ms: int) -> KeyRow:
    if get_account(database, account).disabled:
        raise Refused(ErrorCode.PERMISSION_DENIED, "This account is disabled: ask the operator.")
    return open_session(connection, account, session, list_keys(database, account), at_ms)


def delete_account(database: Database, account: str, at_ms: int) -> None:
    """End an account: its keys, sessions, passkeys, links and codes, its name, its files, the payouts that it asks for,
    its answers that are kept, what its clients called their requests, and the days of its workers. What stays are the
    rows of the books, under an id that says nothing; and the address of a payout that is approved, until it is sent or
    returned."""

    def work(connection: Connection) -> None:
        lock_account(connection, account)
        forget(connection, account, at_ms)
        end_within(connection, account, at_ms)
        close_payouts(connection, account, at_ms)
        forget_account(connection, account)
        energy_days.forget(connection, account)
        mine = (keys.c.account == account, keys.c.revoked_ms.is_(None))
        connection.execute(update(keys).where(*mine).values(revoked_ms=at_ms))
        connection.execute(update(keys).where(keys.c.account == account).values(name="", hint=""))
        connection.execute(delete(requests).where(requests.c.account == account))  # before holds, as who books does
        connection.execute(update(holds).where(_called(account)).values(request_id=None))
        connection.execute(delete(history_workers).where(history_workers.c.account == account))
        gone = {"name": DELETED + account, "disabled": True}
        connection.execute(update(accounts).where(accounts.c.id == account).values(**gone))
        changed(connection)

    database.transact(work)


def _called(account: ColumnElement[str] | str) -> ColumnElement[bool]:
    """The requests of an account that have a name of their client's."""
    return and_(holds.c.account == account, holds.c.request_id.is_not(None))


def named_after_their_end(database: Database) -> list[str]:
    """Requests of deleted accounts that still have a name of their client's: a replica that heard of the end a moment
    late took them on. MOST_CLEANED at most."""
    gone = and_(accounts.c.disabled == true(), accounts.c.name == DELETED + accounts.c.id)
    late = select(holds.c.job).join(accounts, and_(gone, _called(accounts.c.id)))
    return [row.job for row in database.query(late.limit(MOST_CLEANED))]


def forget_names(database: Database, jobs: Sequence[str]) -> None:
    """What clients called these requests is deleted."""
    database.transact(
        lambda connection: connection.execute(update(holds).where(holds.c.job.in_(jobs)).values(request_id=None))
    )
