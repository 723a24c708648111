"""What two replicas on one database may not do to an account at once: neither sees what the other has not committed."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, text

from coordinator.accounts.accounts import KeyRequest, create_account, create_key, made_key
from coordinator.accounts.rows import add_key, list_keys, lock_account
from coordinator.identity import sessions
from coordinator.identity.joining import Answered, sign_in
from coordinator.identity.rows import (
    PasskeyRow,
    add_invite,
    add_passkey,
    codes_left,
    list_invites,
    new_invite,
    passkeys_of,
    remove_passkey,
    replace_codes,
)
from coordinator.identity.sessions import open_session
from coordinator.identity.tokens import Tokens
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.identity_tables import invites, passkeys, recovery_codes


@pytest.fixture
def both(postgres: Callable[[], str]) -> Iterator[tuple[Database, Database]]:
    url = postgres()
    with closing(Database(url)) as one, closing(Database(url)) as other:
        yield one, other


def met(
    one: Database, other: Database, account: str, change: Callable[[Connection], Any], then: Callable[[], Any]
) -> None:
    """The change of `one` is not committed before `then`, of `other`, has ended or waits for it."""

    def run() -> None:
        with suppress(StoreError):
            then()

    thread = Thread(target=run)
    with one.transaction() as connection:
        lock_account(connection, account)
        change(connection)
        thread.start()
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while thread.is_alive() and not connection.execute(waiting).scalar_one():
            thread.join(0.02)
    thread.join()


def test_two_removals_leave_a_passkey(both: tuple[Database, Database]) -> None:
    one, other = both
    account = create_account(one, "alice", 0).id
    with one.transaction() as connection:
        for name in ("a", "b"):
            add_passkey(connection, PasskeyRow(name, account, name, b"key", 0, 5))
    gone = delete(passkeys).where(passkeys.c.id == "a")
    met(one, other, account, lambda c: c.execute(gone), lambda: remove_passkey(other, account, "b", "", 6))
    assert [row.id for row in passkeys_of(one, account)] == ["b"]


def test_two_invites_are_not_more_than_an_account_may_make(both: tuple[Database, Database]) -> None:
    one, other = both
    account = create_account(one, "alice", 0).id
    first, second = (new_invite(Tokens(b"p" * 32), 0, 1, "", made_by=account)[1] for _ in range(2))
    made = insert(invites).values(**asdict(first))
    met(one, other, account, lambda c: c.execute(made), lambda: add_invite(other, second, 1))
    assert [row.id for row in list_invites(one, account)] == [first.id]


def test_two_sign_ins_are_not_more_than_a_day_has(
    both: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "A_DAY", 1)
    one, other = both
    account = create_account(one, "alice", 0).id
    row = PasskeyRow("a", account, "a", b"key", 0, 5)
    with one.transaction() as connection:
        add_passkey(connection, row)
    met(
        one,
        other,
        account,
        lambda c: open_session(c, account, "first", [], 6),
        lambda: sign_in(other, row, 1, Answered("challenge", 100, "second"), 7),
    )
    assert [row.hash for row in list_keys(one, account)] == ["first"]


def test_of_two_sets_of_codes_one_is_left(both: tuple[Database, Database]) -> None:
    one, other = both
    account = create_account(one, "alice", 0).id
    codes = insert(recovery_codes).values(hash="1", account=account, made_ms=5)
    met(one, other, account, lambda c: c.execute(codes), lambda: replace_codes(other, account, ["2"], "", 6))
    assert codes_left(one, account) == 1


def test_two_new_keys_are_not_more_than_an_account_may_have(both: tuple[Database, Database]) -> None:
    one, other = both
    account = create_account(one, "alice", 0).id
    request = KeyRequest("k", account, most=1)
    _, first = made_key(b"p", request, account, 5)
    met(one, other, account, lambda c: add_key(c, first), lambda: create_key(other, b"p", request, 6))
    assert [row.id for row in list_keys(one, account)] == [first.id]
