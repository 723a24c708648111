"""Coming in and leaving is one transaction."""

from dataclasses import replace

import pytest
from sqlalchemy import delete, insert, select

from coordinator.accounts.rows import list_accounts, list_keys
from coordinator.identity.errors import Refused
from coordinator.identity.joining import (
    Answered,
    Newcomer,
    delete_account,
    forget_names,
    named_after_their_end,
    recover,
    sign_in,
    sign_up,
)
from coordinator.identity.passkeys import Passkey
from coordinator.identity.rows import (
    add_invite,
    add_passkey,
    list_invites,
    new_invite,
    passkey,
    passkeys_of,
    remove_passkey,
    replace_codes,
)
from coordinator.identity.tokens import Tokens
from coordinator.ledger.grants import balances_of
from coordinator.ledger.orders import PayoutState
from coordinator.ledger.payouts import decide, of_account
from coordinator.ledger.requests import called
from coordinator.store.database import Database
from coordinator.store.history_tables import history_workers
from coordinator.store.operator_tables import payouts
from tests.coordinator.ledger.builders import Client, client, do, hold

NEW = Newcomer("acc_1", "member-1", Passkey("pk", b"key", 0))


def answered(number: int) -> Answered:
    return Answered(f"challenge {number}", 100, f"session {number}")


def test_an_account_is_made_whole_or_not_at_all(database: Database) -> None:
    key = sign_up(database, b"p", NEW, answered(1), 700, 5)
    assert key and balances_of(database, "acc_1")["spark"].available == 700
    assert {row.name for row in list_keys(database, "acc_1")} == {"first key", "browser"}
    again = Newcomer("acc_2", "member-2", Passkey("pk", b"key", 0))
    with pytest.raises(Refused, match="in use already"):
        sign_up(database, b"p", again, answered(2), 700, 5)
    assert [row.id for row in list_accounts(database)] == ["acc_1"]
    used = Newcomer("acc_3", "member-3", Passkey("pk3", b"key", 0), "inv_none")
    with pytest.raises(Refused, match="invite"):
        sign_up(database, b"p", used, answered(3), 700, 5)
    assert [row.id for row in list_accounts(database)] == ["acc_1"]


def test_a_passkey_and_a_code_open_sessions_once_each(database: Database) -> None:
    sign_up(database, b"p", NEW, answered(1), 0, 5)
    row = passkey(database, "pk")
    assert row is not None
    sign_in(database, row, 9, answered(2), 6)
    assert passkeys_of(database, "acc_1")[0].counter == 9
    with pytest.raises(Refused, match="already"):
        sign_in(database, row, 10, answered(2), 7)
    replace_codes(database, "acc_1", ["code"], "", 8)
    recover(database, "code", "session 9", 9)
    with pytest.raises(Refused):
        recover(database, "code", "session 10", 10)
    assert len(list_keys(database, "acc_1")) == 4


def test_a_passkey_that_was_removed_since_it_was_shown_lets_nobody_in(database: Database) -> None:
    """Whoever had stolen it stayed: the session came after all others had been ended."""
    sign_up(database, b"p", NEW, answered(1), 0, 5)
    with database.transaction() as connection:
        add_passkey(connection, replace(passkeys_of(database, "acc_1")[0], id="stolen"))
    row = passkey(database, "stolen")
    assert row is not None
    remove_passkey(database, "acc_1", "stolen", "", 6)
    with pytest.raises(Refused, match="removed"):
        sign_in(database, row, 1, answered(2), 7)
    assert all(key.revoked_ms for key in list_keys(database, "acc_1") if key.session_ends_ms)


def test_a_counter_of_signatures_never_falls(database: Database) -> None:
    sign_up(database, b"p", NEW, answered(1), 0, 5)
    row = passkey(database, "pk")
    assert row is not None
    sign_in(database, row, 9, answered(2), 6)
    sign_in(database, row, 8, answered(3), 7)  # it was shown at the same moment at another replica
    assert passkeys_of(database, "acc_1")[0].counter == 9


def test_of_a_deleted_account_only_the_books_are_left(database: Database) -> None:
    sign_up(database, b"p", NEW, answered(1), 700, 5)
    replace_codes(database, "acc_1", ["code"], "", 6)
    add_invite(database, new_invite(Tokens(b"p"), 6, 1, "", made_by="acc_1")[1])
    with database.transaction() as connection:
        days = [{"worker": f"{owner}/w", "day": 5, "account": owner} for owner in ("acc_1", "acc_2")]
        connection.execute(insert(history_workers), days)
    delete_account(database, "acc_1", 7)
    assert [row.account for row in database.query(select(history_workers))] == ["acc_2"]
    assert passkeys_of(database, "acc_1") == [] and list_invites(database)[0].state(8) == "revoked"
    assert all(row.revoked_ms is not None and not row.name for row in list_keys(database, "acc_1"))
    (account,) = list_accounts(database)
    assert account.disabled and account.name == "deleted acc_1"
    assert balances_of(database, "acc_1")["spark"].available == 700
    with pytest.raises(Refused):
        recover(database, "code", "session 2", 8)


def test_a_way_in_that_changes_hands_ends_the_other_sessions(database: Database) -> None:
    """Before, whoever had taken a session kept it, whatever its owner did."""

    def live() -> list[str]:
        return [row.hash for row in list_keys(database, "acc_1") if row.session_ends_ms and row.revoked_ms is None]

    sign_up(database, b"p", NEW, answered(1), 0, 5)
    row = passkey(database, "pk")
    assert row is not None
    with database.transaction() as connection:
        add_passkey(connection, replace(row, id="second"))
    sign_in(database, row, 1, answered(2), 6)
    mine = next(one.id for one in list_keys(database, "acc_1") if one.hash == "session 2")
    replace_codes(database, "acc_1", ["code"], mine, 7)
    assert live() == ["session 2"]
    sign_in(database, row, 2, answered(3), 8)
    remove_passkey(database, "acc_1", "second", mine, 9)
    assert live() == ["session 2"]
    sign_in(database, row, 3, answered(4), 10)
    recover(database, "code", "session 5", 11)
    assert live() == ["session 5"]
    assert any(not row.session_ends_ms and row.revoked_ms is None for row in list_keys(database, "acc_1"))


def test_of_the_payouts_of_a_deleted_account_an_address_is_left_while_it_is_needed(database: Database) -> None:
    sign_up(database, b"p", NEW, answered(1), 0, 5)
    states: list[PayoutState] = ["asked", "approved", "sent", "refused", "withdrawn", "returned"]
    with database.transaction() as connection:
        common = {"account": "acc_1", "currency": "spark", "nano": 1, "address": "IBAN", "note": "", "key": ""}
        rows = [{**common, "id": state, "state": state, "asked_ms": 5, "changed_ms": 5} for state in states]
        connection.execute(insert(payouts), rows)
    delete_account(database, "acc_1", 7)
    left = {row.id: (row.state, row.address) for row in of_account(database, "acc_1", 9)}
    assert left == {
        **{state: (state, "") for state in states},
        "asked": ("withdrawn", ""),
        "approved": ("approved", "IBAN"),
    }
    assert decide(database, "approved", "sent", "", "key_1", 8).address == "IBAN"
    assert {row.address for row in of_account(database, "acc_1", 9)} == {""}
    with database.transaction() as connection:  # the books know nothing of them
        connection.execute(delete(payouts))


def test_the_address_of_a_payout_of_an_account_that_lives_stays(database: Database) -> None:
    sign_up(database, b"p", NEW, answered(1), 0, 5)
    with database.transaction() as connection:
        row = {"id": "p", "account": "acc_1", "currency": "spark", "nano": 1, "address": "IBAN", "note": "", "key": ""}
        connection.execute(insert(payouts).values(**row, state="asked", asked_ms=5, changed_ms=5))
    decide(database, "p", "refuse", "", "key_1", 8)
    assert [(one.state, one.address) for one in of_account(database, "acc_1", 9)] == [("refused", "IBAN")]


def test_notes_of_invites_say_nothing_of_a_deleted_account(database: Database) -> None:
    tokens = Tokens(b"p")
    came = new_invite(tokens, 5, 1, "Ada")[1]
    add_invite(database, came)
    sign_up(database, b"p", replace(NEW, invite=came.id), answered(1), 0, 6)
    add_invite(database, new_invite(tokens, 6, 1, "Bob", made_by="acc_1")[1])
    add_invite(database, new_invite(tokens, 6, 1, "Ada again", account="acc_1")[1])
    add_invite(database, new_invite(tokens, 6, 1, "Eve")[1])
    delete_account(database, "acc_1", 7)
    assert {row.note for row in list_invites(database)} == {"", "Eve"}


def test_what_clients_called_the_requests_of_a_deleted_account_goes_with_it(database: Database) -> None:
    sign_up(database, b"p", NEW, answered(1), 1000, 6)
    mine, eve = Client("acc_1", list_keys(database, "acc_1")[0].id), client(database, "eve")
    do(database, hold(mine, "a", request_id="ada@example.org"), hold(eve, "b", request_id="eve@example.org"))
    assert called(database, "acc_1", None, "ada@example.org") == ("a",)
    delete_account(database, "acc_1", 7)
    assert called(database, "acc_1", None, "ada@example.org") == ()
    assert called(database, "acc_1", "a", None) == ("a",), "the books stay"
    assert called(database, eve.account, None, "eve@example.org") == ("b",)
    do(database, hold(mine, "late", request_id="ada@example.org"))  # of a replica that has not heard of it
    assert named_after_their_end(database) == ["late"]
    forget_names(database, ["late"])
    assert named_after_their_end(database) == [] == [*called(database, "acc_1", None, "ada@example.org")]
