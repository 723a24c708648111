"""(issuer, subject) is linked with one account, and the last way in stays."""

from dataclasses import replace

import pytest

from coordinator.accounts.asking import By, done_by
from coordinator.accounts.errors import Ended
from coordinator.accounts.rows import list_keys
from coordinator.identity.errors import Refused
from coordinator.identity.joining import (
    Answered,
    Newcomer,
    add_another,
    delete_account,
    link_another,
    passkey_row,
    sign_in,
    sign_in_by_link,
    sign_up,
)
from coordinator.identity.links import MOST_LINKS, LinkRow, Who, link_of, links_of, remove_link
from coordinator.identity.passkeys import Passkey
from coordinator.identity.rows import codes_left, passkey, passkeys_of, remove_passkey, replace_codes
from coordinator.store.audit_log import read
from coordinator.store.database import Database

ISSUER = "https://login.example"
ADA = Who(ISSUER, "ada")


def answered(number: int) -> Answered:
    return Answered(f"challenge {number}", 100, f"session {number}")


def joined(database: Database) -> LinkRow:
    assert sign_up(database, b"p", Newcomer("acc_1", "member-1", ADA), answered(1), 0, 5)
    link = link_of(database, ADA)
    assert link is not None
    return link


def session(database: Database) -> str:
    """The id of the first session of the account."""
    return next(row.id for row in list_keys(database, "acc_1") if row.session_ends_ms is not None)


def test_who_signs_up_by_a_link_signs_in_by_it_and_nobody_else_does(database: Database) -> None:
    link = joined(database)
    assert (link.account, link.used_ms) == ("acc_1", None)
    for other in (Who(ISSUER, "Ada"), Who("https://other.example", "ada")):
        assert link_of(database, other) is None
    sign_in_by_link(database, link, answered(2), 6)
    assert [row.used_ms for row in links_of(database, "acc_1")] == [6]
    with pytest.raises(Refused, match="already"):
        sign_in_by_link(database, link, answered(2), 7)
    with pytest.raises(Refused, match="already that this one is linked with"):
        sign_up(database, b"p", Newcomer("acc_2", "member-2", ADA), answered(3), 0, 8)


def test_a_link_is_removed_with_all_other_sessions_and_never_the_last_way_in(database: Database) -> None:
    link = joined(database)
    with pytest.raises(Refused, match="only way in"):
        remove_link(database, "acc_1", link.id, "", [ISSUER], 6)
    link_another(database, "acc_1", replace(ADA, subject="ada2"), session(database), answered(2), 7)
    with pytest.raises(Refused, match="only way in"):  # with the other one nobody comes in here any more
        remove_link(database, "acc_1", link.id, "", [], 8)
    sign_in_by_link(database, link, answered(3), 9)
    mine = next(row.id for row in list_keys(database, "acc_1") if row.hash == "session 3")
    with pytest.raises(Refused, match="no such link"):
        remove_link(database, "acc_2", link.id, mine, [ISSUER], 10)
    remove_link(database, "acc_1", link.id, mine, [ISSUER], 10)
    live = [row.hash for row in list_keys(database, "acc_1") if row.session_ends_ms and row.revoked_ms is None]
    assert live == ["session 3"]
    with pytest.raises(Refused, match="removed"):
        sign_in_by_link(database, link, answered(4), 11)
    assert [deed.action for deed in read(database, 9)] == ["link removed", "link made", "link made"]
    assert all(deed.target == "acc_1" and ISSUER in deed.detail for deed in read(database, 9))


def test_a_passkey_may_go_where_a_link_is_left(database: Database) -> None:
    sign_up(database, b"p", Newcomer("acc_1", "member-1", Passkey("pk", b"key", 0)), answered(1), 0, 5)
    row = passkey(database, "pk")
    assert row is not None
    sign_in(database, row, 1, answered(2), 6)
    link_another(database, "acc_1", ADA, session(database), answered(3), 7)
    with pytest.raises(Refused, match="only"):
        remove_passkey(database, "acc_1", "pk", "", 8, ["https://other.example"])
    remove_passkey(database, "acc_1", "pk", "", 8, [ISSUER])
    assert passkeys_of(database, "acc_1") == []


def test_an_account_has_a_few_links_and_none_when_it_has_ended(database: Database) -> None:
    joined(database)
    for number in range(1, MOST_LINKS):
        link_another(database, "acc_1", Who(ISSUER, f"ada{number}"), session(database), answered(10 + number), 6)
    with pytest.raises(Refused, match="at most"):
        link_another(database, "acc_1", Who(ISSUER, "one more"), session(database), answered(99), 6)
    delete_account(database, "acc_1", 7)
    assert links_of(database, "acc_1") == [] and link_of(database, ADA) is None


@pytest.mark.parametrize("how", ["ended", "deleted"])
def test_whose_session_has_ended_gets_no_way_in_that_stays(database: Database, how: str) -> None:
    joined(database)
    stolen = session(database)
    if how == "ended":
        replace_codes(database, "acc_1", ["code"], "key_of_ada", 6)
    else:
        delete_account(database, "acc_1", 6)
    by = By(stolen, "acc_1")
    with pytest.raises(Ended, match="ended meanwhile"):
        done_by(database, by, 7, link_another, "acc_1", Who(ISSUER, "eve"), stolen, answered(2), 7)
    with pytest.raises(Ended, match="ended meanwhile"):
        row = passkey_row("acc_1", "eve's", Passkey("eve", b"key", 0), 7)
        done_by(database, by, 7, add_another, row, answered(3), 7)
    with pytest.raises(Ended, match="ended meanwhile"):
        done_by(database, by, 7, replace_codes, "acc_1", ["mine"], stolen, 7)
    assert codes_left(database, "acc_1") == (1 if how == "ended" else 0)
    assert passkey(database, "eve") is None
    assert link_of(database, Who(ISSUER, "eve")) is None
