"""An owner asks for earnings; the operator decides; the money is where the state says, and nowhere twice."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from sqlalchemy import text

from coordinator.ledger.audit import check
from coordinator.ledger.errors import LedgerError
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import balances_of, spend_earned
from coordinator.ledger.orders import Decision, PayoutState
from coordinator.ledger.payouts import (
    ASKED_A_DAY,
    DECISIONS,
    Payout,
    Wanted,
    ask,
    decide,
    in_state,
    of_account,
    withdraw,
)
from coordinator.ledger.pricing import Payee
from coordinator.store.audit_log import Deed, read
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client, do, hold, payer, settle

TO = "bank 7"


def owner(database: Database, nano: int = 40) -> str:
    """An account that has earned so much of what was paid in."""
    alice, bob = payer(database), client(database, "bob", 0)
    do(database, hold(alice, nano=100), settle(alice, payees=(Payee(f"{bob.account}/w", bob.account, nano),)))
    mature(database, Terms(0, 0), 1000)
    return bob.account


def earned(database: Database, account: str) -> int:
    return balances_of(database, account)["spark"].earned


def test_a_payout_goes_its_way_and_each_deed_is_written_down(database: Database) -> None:
    bob = owner(database)
    payout = ask(database, Wanted(bob, "spark", 30, TO, "key_1"), 5)
    assert (payout.state, earned(database, bob)) == ("asked", 40), "it stays the owner's until it is approved"
    assert decide(database, payout.id, "approve", "", "key_1", 6).state == "approved"
    assert earned(database, bob) == 10
    sent = decide(database, payout.id, "sent", "no. 12", "key_1", 7)
    assert of_account(database, bob, 10) == [sent]
    assert (sent.state, sent.note, sent.changed_ms) == ("sent", "no. 12", 7)
    assert read(database, 10) == [
        Deed(2, 7, "key_1", "payout sent", bob, f"{payout.id} no. 12"),
        Deed(1, 6, "key_1", "payout approve", bob, payout.id),
    ]
    assert read(database, 10, before=2) == read(database, 10)[1:]
    assert check(database) == []


def test_what_could_not_be_sent_is_the_owners_again_once(database: Database) -> None:
    bob = owner(database)
    payout = ask(database, Wanted(bob, "spark", 40, TO, "key_1"), 5)
    decide(database, payout.id, "approve", "", "key_1", 6)
    assert decide(database, payout.id, "return", "no such bank", "key_1", 7).state == "returned"
    with pytest.raises(LedgerError, match="is returned"):
        decide(database, payout.id, "return", "", "key_1", 8)
    assert (earned(database, bob), check(database)) == (40, [])
    assert do(database, spend_earned(bob, "spark", 40, 9)), "and may be spent"


WAYS: dict[PayoutState, tuple[Decision, ...]] = {
    "asked": (),
    "approved": ("approve",),
    "sent": ("approve", "sent"),
    "refused": ("refuse",),
    "withdrawn": (),
    "returned": ("approve", "return"),
}


@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("state", WAYS)
def test_only_the_ways_that_there_are_can_be_gone(database: Database, state: PayoutState, decision: Decision) -> None:
    bob = owner(database)
    payout = ask(database, Wanted(bob, "spark", 40, TO, "key_1"), 5)
    for step in WAYS[state]:
        decide(database, payout.id, step, "", "key_1", 6)
    if state == "withdrawn":
        withdraw(database, bob, payout.id, 6)
    had, told = earned(database, bob), read(database, 10)
    before, after = DECISIONS[decision]
    if state == before:
        assert decide(database, payout.id, decision, "", "key_1", 7).state == after
    else:
        with pytest.raises(LedgerError, match=f"is {state}: only one that is {before} becomes {after}"):
            decide(database, payout.id, decision, "", "key_1", 7)
        assert (earned(database, bob), read(database, 10)) == (had, told), "nothing was done, so nothing is told"


def test_an_owner_may_take_it_back_before_it_is_approved_and_nobody_elses(database: Database) -> None:
    bob, eve = owner(database), client(database, "eve").account
    payout = ask(database, Wanted(bob, "spark", 40, TO, "key_1"), 5)
    with pytest.raises(LedgerError, match="there is no payout"):
        withdraw(database, eve, payout.id, 6)
    assert withdraw(database, bob, payout.id, 6).state == "withdrawn"
    again = ask(database, Wanted(bob, "spark", 7, TO, "key_1"), 7)
    decide(database, again.id, "approve", "", "key_1", 8)
    with pytest.raises(LedgerError, match="is approved"):
        withdraw(database, bob, again.id, 9)


def test_no_more_is_asked_for_than_there_is_and_only_once_at_a_time(database: Database) -> None:
    bob = owner(database)
    for nano in (41, 0, -1):
        with pytest.raises(LedgerError, match="can be paid out"):
            ask(database, Wanted(bob, "spark", nano, TO, "key_1"), 5)
    with pytest.raises(LedgerError, match="can be paid out"):
        ask(database, Wanted(bob, "sogni", 1, TO, "key_1"), 5)
    ask(database, Wanted(bob, "spark", 10, TO, "key_1"), 5)
    with pytest.raises(LedgerError, match="waits for the operator"):
        ask(database, Wanted(bob, "spark", 10, TO, "key_1"), 5)


def test_who_asks_and_withdraws_without_end_is_stopped_for_a_day(database: Database) -> None:
    bob = owner(database)
    for at_ms in range(ASKED_A_DAY):
        withdraw(database, bob, ask(database, Wanted(bob, "spark", 1, TO, "key_1"), at_ms).id, at_ms)
    with pytest.raises(LedgerError, match="ask for the next one tomorrow"):
        ask(database, Wanted(bob, "spark", 1, TO, "key_1"), 99)
    assert ask(database, Wanted(bob, "spark", 1, TO, "key_1"), 99 + 86_400_000).state == "asked"


def test_earnings_that_were_spent_meanwhile_are_not_paid_out_too(database: Database) -> None:
    bob = owner(database)
    payout = ask(database, Wanted(bob, "spark", 30, TO, "key_1"), 5)
    do(database, spend_earned(bob, "spark", 20, 6))
    with pytest.raises(LedgerError, match="its owner has spent some of it"):
        decide(database, payout.id, "approve", "", "key_1", 7)
    (left,) = in_state(database, "asked", 10)
    assert (left.id, earned(database, bob), check(database)) == (payout.id, 20, [])


def test_of_many_who_ask_and_decide_at_once_one_is_heard(address: str) -> None:
    with_owner = Database(address)
    bob = owner(with_owner)
    numbers = count(10)

    def tried(work: object, *args: object) -> Payout | None:
        database = Database(address)
        try:
            return work(database, *args, next(numbers))  # type: ignore[operator,no-any-return]
        except LedgerError:
            return None
        finally:
            database.close()

    with ThreadPoolExecutor(4) as threads:
        asked = [*threads.map(lambda _: tried(ask, Wanted(bob, "spark", 25, TO, "key_1")), range(4))]
        (payout,) = filter(None, asked)
        decided = threads.map(lambda word: tried(decide, payout.id, word, "", "k"), ["approve", "refuse"] * 2)
        assert len([*filter(None, decided)]) == 1
    assert earned(with_owner, bob) == (15 if in_state(with_owner, "approved", 9) else 40)
    assert (len(read(with_owner, 10)), check(with_owner)) == (1, [])
    with_owner.close()


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE payouts SET state = 'refused'", "is refused, and its journal payout has -30 instead of 0"),
        ("UPDATE payouts SET nano = 29", "is approved, and its journal payout has -30 instead of -29"),
        ("UPDATE payouts SET state = 'returned'", "its journal payout-back has 0 instead of 30"),
        ("DELETE FROM payouts", "gives back what is no payout"),
    ],
)
def test_the_audit_finds_a_payout_that_the_books_do_not_know(address: str, statement: str, sentence: str) -> None:
    database = Database(address)
    bob = owner(database)
    payout = ask(database, Wanted(bob, "spark", 30, TO, "key_1"), 5)
    decide(database, payout.id, "approve", "", "key_1", 6)
    if statement.startswith("DELETE"):
        decide(database, payout.id, "return", "", "key_1", 7)
    assert check(database) == []
    with database.transaction() as connection:
        connection.execute(text(statement))
    found = check(database)
    database.close()
    assert any(sentence in each for each in found), found
