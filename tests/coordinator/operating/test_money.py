from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.payouts import Wanted, ask, decide
from coordinator.ledger.pricing import Payee
from coordinator.operating.money import count_holds, open_holds, payouts_waiting, sums
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import do, hold, payer, settle


def test_all_money_is_in_the_sums_and_they_add_up(database: Database) -> None:
    alice, bob = payer(database, "alice", 1000), payer(database, "bob", 1)
    do(database, hold(alice), settle(alice, payees=(Payee(f"{bob.account}/w", bob.account, 40),)))
    mature(database, Terms(0, 0), 1000)
    do(database, hold(alice, "j2", 50))
    found = sums(database)["spark"]
    assert sum(found.values()) == 0, "the books add up to nothing"
    assert (found["held"], found["earned"], found["deposits"], found["revenue"]) == (50, 40, -1001, 20)
    payout = ask(database, Wanted(bob.account, "spark", 30, "bank", "key_1"), 5)
    assert payouts_waiting(database) == {"asked": {"spark": (1, 30)}, "approved": {}}
    decide(database, payout.id, "approve", "", "me", 6)
    assert payouts_waiting(database) == {"asked": {}, "approved": {"spark": (1, 30)}}


def test_open_holds_come_in_pages_the_oldest_first(database: Database) -> None:
    alice = payer(database, "alice", 1000)
    for number in range(5):
        do(database, hold(alice, f"j{number}", 10, at_ms=100 - number // 2))
    assert count_holds(database) == (5, 98)
    first = open_holds(database, None, 3)
    rest = open_holds(database, (first[-1].at_ms, first[-1].job), 3)
    assert [one.job for one in (*first, *rest)] == ["j4", "j2", "j3", "j0", "j1"]
    assert open_holds(database, None, 9, "nobody") == [] and first[0].nano == 10
    for number in range(5):
        do(database, settle(alice, f"j{number}", 0))
    assert count_holds(database) == (0, None)
