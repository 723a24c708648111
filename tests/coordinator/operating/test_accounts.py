"""Accounts in pages, on both databases: every sort has each account once, and figures are the ledger's."""

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.accounts.rows import list_accounts
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import totals
from coordinator.ledger.pricing import Payee
from coordinator.operating.accounts import SORTS, Sort, Sought, one, page
from coordinator.operating.changes import change_account
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer, settle


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("descending", [True, False])
def test_every_account_is_on_one_page(database: Database, sort: Sort, descending: bool) -> None:
    for number in range(7):
        create_account(database, f"n{number}", number // 2, number // 3 * 100)
    found, after = list[str](), None
    values = []
    while lines := page(database, Sought(sort=sort, descending=descending, after=after), 1, 3):
        found += [line.id for line in lines]
        values += [line.sorted_by for line in lines]
        after = (lines[-1].sorted_by, lines[-1].id)
    assert sorted(found) == sorted(account.id for account in list_accounts(database))
    assert values == sorted(values, reverse=descending)


def test_a_line_says_what_the_ledger_says(database: Database) -> None:
    alice, bob = payer(database, "alice", 1000), payer(database, "bob_100%", 0 + 1)
    do(database, hold(alice), settle(alice, payees=(Payee(f"{bob.account}/w", bob.account, 40),)))
    mature(database, Terms(0, 0), 1000)
    do(database, hold(alice, "j2", 50))
    have = totals(database)
    line = one(database, alice.account, 1)
    assert (line.spendable, line.held, line.seen_ms, line.keys) == (have[alice.account].available, 50, 20, 1)
    assert one(database, bob.account, 1).owed == have[bob.account].earned == 40
    (best, *_) = page(database, Sought(sort="owed"), 1, 5)
    assert best.id == bob.account


def test_search_finds_names_ids_and_keys_and_no_pattern(database: Database) -> None:
    alice, bob = payer(database, "Alice"), payer(database, "bob_100%")
    assert [line.id for line in page(database, Sought("ALI"), 1, 9)] == [alice.account]
    assert [line.id for line in page(database, Sought(bob.account[:8] + bob.account[8:]), 1, 9)] == [bob.account]
    assert [line.id for line in page(database, Sought(alice.key), 1, 9)] == [alice.account]
    assert [line.id for line in page(database, Sought("b_1"), 1, 9)] == [bob.account]
    assert page(database, Sought("l_c"), 1, 9) == [] and page(database, Sought("'; --"), 1, 9) == []
    change_account(database, bob.account, {"disabled": True}, "me", 1)
    assert [line.id for line in page(database, Sought(disabled=True), 1, 9)] == [bob.account]
