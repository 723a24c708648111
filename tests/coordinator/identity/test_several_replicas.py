"""What two replicas on one database may not do to an account at once: neither sees what the other has not committed."""

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import asdict
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, text, update
from sqlalchemy.exc import IntegrityError

from coordinator.accounts.accounts import KeyRequest, create_account, create_key, made_key
from coordinator.accounts.rows import add_key, get_account, list_keys
from coordinator.artefacts.rows import report
from coordinator.identity import joining, sessions
from coordinator.identity.errors import Refused
from coordinator.identity.joining import Answered, Newcomer, delete_account, sign_in, sign_up
from coordinator.identity.passkeys import Passkey
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
    use_invite,
)
from coordinator.identity.sessions import open_session
from coordinator.identity.tokens import Tokens
from coordinator.ledger import payouts
from coordinator.ledger.energy_days import set_price
from coordinator.ledger.grants import balances_of, grant, hooked_deposit
from coordinator.ledger.orders import Decision
from coordinator.ledger.payouts import Wanted, ask, decide, of_account
from coordinator.operating.changes import give, pay_in
from coordinator.store.account_lock import lock_account
from coordinator.store.audit_log import Act
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.identity_tables import invites, passkeys, recovery_codes
from coordinator.store.media_tables import artefacts, reports
from coordinator.store.owner_tables import electricity
from coordinator.store.tables import accounts
from tests.coordinator.ledger.test_payouts import owner


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

    with one.transaction() as connection:
        lock_account(connection, account)
        change(connection)
        thread = begun(connection, run)
    thread.join()


def begun(connection: Connection, work: Callable[[], Any]) -> Thread:
    """A thread that is done with the work, or waits for this connection's transaction."""
    thread = Thread(target=work)
    thread.start()
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while thread.is_alive() and not connection.execute(waiting).scalar_one():
        thread.join(0.02)
    return thread


def artefact_of(account: str) -> dict[str, Any]:
    none = dict.fromkeys(("size_bytes", "width", "height", "frames", "fps", "seconds", "made_ms"), 1)
    text = dict.fromkeys(("origin", "sha256", "sent_sha256", "media_type"), "x")
    return {"id": "a", "account": account, "expires_ms": 100, **none, **text}


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


@pytest.mark.parametrize("decision", ["sent", "return"])
def test_of_a_payout_that_ends_while_its_account_is_deleted_no_address_is_left(
    both: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch, decision: Decision
) -> None:
    one, other = both
    account = owner(one)
    payout = ask(one, Wanted(account, "spark", 25, "bank 7", "key_1"), 5)
    decide(one, payout.id, "approve", "", "key_1", 6)

    def met_by_the_end(connection: Connection, *deed: Any) -> None:
        thread = begun(connection, lambda: delete_account(other, account, 8))
        ending.append(thread)

    ending = list[Thread]()
    monkeypatch.setattr(payouts, "record", met_by_the_end)
    decide(one, payout.id, decision, "", "key_1", 7)
    ending[0].join()
    assert [left.address for left in of_account(one, account, 9)] == [""]


def test_who_comes_by_the_invite_of_an_account_that_is_deleted_meanwhile_ends_nobody(
    both: tuple[Database, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waited for the other, and the person who deletes was told that the coordinator is overloaded."""
    one, other = both
    account = create_account(one, "alice", 0).id
    invite = new_invite(Tokens(b"p" * 32), 5, 1, "", made_by=account)[1]
    add_invite(one, invite)
    failed = list[StoreError]()

    def deleted() -> None:
        try:
            delete_account(other, account, 8)
        except StoreError as error:
            failed.append(error)

    ending = list[Thread]()

    def met_by_the_end(connection: Connection, *used: Any) -> None:
        if not ending:
            ending.append(begun(connection, deleted))
        use_invite(connection, *used)

    monkeypatch.setattr(joining, "use_invite", met_by_the_end)
    new = Newcomer("acc_new", "member", Passkey("pk", b"key", 0), invite.id)
    with suppress(Refused):  # the invite may have ended with its maker
        sign_up(one, b"p" * 32, new, Answered("challenge", 100, "session"), 0, 8)
    ending[0].join()
    assert failed == [] and get_account(one, account).disabled


@pytest.mark.parametrize("what", ["report", "price"])
def test_the_same_said_twice_at_once_is_no_fault(both: tuple[Database, Database], what: str) -> None:
    """The second one was answered with internal_error."""
    one, other = both
    account, failed = create_account(one, "alice", 0).id, list[Exception]()
    about = {"artefact": "a", "account": account, "owner": account, "reason": "bad", "at_ms": 5}
    made = insert(reports).values(about) if what == "report" else insert(electricity).values(account=account, nano=3)
    if what == "report":
        with one.transaction() as connection:
            connection.execute(insert(artefacts).values(artefact_of(account)))

    def again() -> None:
        try:
            if what == "report":
                report(other, "a", account, "bad", 6)
            else:
                set_price(other, account, 3)
        except (IntegrityError, StoreError) as error:
            failed.append(error)

    with one.transaction() as connection:
        connection.execute(made)
        thread = begun(connection, again)
    thread.join()
    assert failed == []


@pytest.mark.parametrize("way", ["payment service", "operator"])
def test_nothing_is_paid_to_an_account_that_is_deleted_at_that_moment(
    both: tuple[Database, Database], way: str
) -> None:
    one, other = both
    account, refused = create_account(one, "alice", 0, 0).id, list[StoreError]()

    def paid() -> None:
        try:
            if way == "operator":
                order = grant(account, "spark", 5, 9, "deposit", "", "token")
                give(other, order, (), Act("key_1", "grant", account), 9)
            else:
                pay_in(other, hooked_deposit("msg", account, "spark", 5, 9, ""))
        except StoreError as error:
            refused.append(error)

    with one.transaction() as connection:
        lock_account(connection, account)
        connection.execute(update(accounts).where(accounts.c.id == account).values(disabled=True))
        thread = begun(connection, paid)
    thread.join()
    assert "nobody could spend it" in str(refused[0])
    assert balances_of(one, account)["spark"].available == 0
