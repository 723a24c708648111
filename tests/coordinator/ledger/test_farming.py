"""Fifty accounts pass all that was given to them to one owner's worker: it earns nothing that can be paid out.

On both databases, with the detours that a farmer would try. The fixture audits the books at the end of each test.
"""

import random
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select

from coordinator.clock import DAY_MS
from coordinator.identity.joining import delete_account
from coordinator.ledger.audit import check
from coordinator.ledger.budget import Budget
from coordinator.ledger.errors import LedgerError
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import Balance, bonus, grant, spend_credit, spend_earned
from coordinator.ledger.orders import Done, Insufficient, Order
from coordinator.ledger.payouts import Wanted, ask, decide
from coordinator.ledger.pricing import Payee
from coordinator.store.database import Database
from coordinator.store.tables import balances
from tests.coordinator.ledger.builders import Client, client, do, hold, settle, spark
from tests.coordinator.ledger.promoted import promote

MANY = 50
STARTER, BONUS = 997, 50  # odd, so that shares are rounded
SHARE = 7000
AT_ONCE = Terms(0.0, 0)


def farm(database: Database, number: int = MANY) -> list[Client]:
    """Accounts with starter tokens and a day's bonus."""
    crowd = [client(database, f"c{n}", STARTER) for n in range(number)]
    do(database, *(bonus(who.account, BONUS, 5) for who in crowd))
    return crowd


def jobs(payers: Sequence[Client], owner: Client, name: str, nano: int, held: int | None = None) -> list[Order]:
    """Each of them spends so much at the owner's worker, of what is held for it."""
    payee = Payee(f"{owner.account}/w", owner.account, nano * SHARE // 10_000)
    orders: list[Order] = []
    for who in payers:
        job = f"{name}-{who.account}"
        orders += [hold(who, job, held or nano), settle(who, job, nano, (payee,))]
    return orders


def payable(database: Database) -> int:
    """All that can be paid out now, of everybody."""
    return int(database.query(select(func.sum(balances.c.nano)).where(balances.c.kind == "earned"))[0][0] or 0)


def nothing_can_be_paid_out(database: Database, owner: Client) -> bool:
    """Whoever asks, and however."""
    with pytest.raises(LedgerError, match=r"\$0 in spark can be paid out"):
        ask(database, Wanted(owner.account, "spark", 1, "bank 7", "key_1"), 50)
    payout = grant(owner.account, "spark", 1, 50, "payout", "")
    refused = do(database, payout, spend_earned(owner.account, "spark", 1, 50))
    return refused == [Insufficient(0), Insufficient(0)] and payable(database) == 0


def test_all_that_fifty_accounts_were_given_earns_credit_alone(database: Database) -> None:
    crowd, owner = farm(database), client(database, "owner", 0)
    do(database, *jobs(crowd, owner, "j", STARTER + BONUS))
    while mature(database, AT_ONCE, 30):
        pass
    assert spark(database, owner) == Balance(credit=MANY * ((STARTER + BONUS) * SHARE // 10_000))
    assert nothing_can_be_paid_out(database, owner)
    assert promote(database, Budget(0), DAY_MS) == 0
    assert nothing_can_be_paid_out(database, owner)


def test_credit_that_goes_from_owner_to_owner_stays_credit(database: Database) -> None:
    crowd = farm(database)
    owners = [client(database, f"o{n}", 0) for n in range(4)]
    do(database, *jobs(crowd, owners[0], "j", STARTER + BONUS))
    mature(database, AT_ONCE, 30)
    for before, after in zip(owners, owners[1:] + owners[:1], strict=True):
        nano = spark(database, before).credit
        do(database, spend_credit(before.account, "spark", nano, 40))
        do(database, *jobs([before], after, "again", nano))
        mature(database, AT_ONCE, 40)
        assert spark(database, before) == Balance()
        assert spark(database, after) == Balance(credit=nano * SHARE // 10_000)
        assert nothing_can_be_paid_out(database, after)


@pytest.mark.parametrize("owners", [1, 3, 20])
def test_with_a_promotion_budget_a_farm_gets_that_and_not_a_nano_more(database: Database, owners: int) -> None:
    """However many accounts its credit is spread over; no account gets more than a quarter of it."""
    crowd, budget = farm(database), Budget(4001)
    farmers = [client(database, f"o{n}", 0) for n in range(owners)]
    for n, farmer in enumerate(farmers):
        do(database, *jobs(crowd[n::owners], farmer, "j", STARTER + BONUS))
    mature(database, AT_ONCE, 30)
    for day in range(1, 4):
        assert promote(database, budget, day * DAY_MS) <= budget.nano
        assert promote(database, budget, day * DAY_MS + 5) == 0
        assert payable(database) <= day * min(budget.nano, owners * budget.account_nano)
    assert payable(database) >= 3 * budget.account_nano, "it is shared out"
    have = spark(database, farmers[0]).earned
    with pytest.raises(LedgerError, match="can be paid out"):
        ask(database, Wanted(farmers[0].account, "spark", have + 1, "bank 7", "k"), 4 * DAY_MS)
    asked = ask(database, Wanted(farmers[0].account, "spark", have, "bank 7", "k"), 4 * DAY_MS)
    decide(database, asked.id, "approve", "", "key_1", 4 * DAY_MS)
    assert spark(database, farmers[0]).earned == 0


@pytest.mark.parametrize("held", [600, 1400])
def test_of_a_price_that_is_partly_paid_in_only_that_part_becomes_money(database: Database, held: int) -> None:
    """Also where more was held than the job cost: what goes back of a hold is what it was."""
    crowd, owner = farm(database), client(database, "owner", 0)
    do(database, *(grant(who.account, "spark", 1500 - STARTER - BONUS, 6, "deposit", "") for who in crowd))
    given, spent = STARTER + BONUS, 0
    for turn in range(3):
        do(database, *jobs(crowd, owner, f"j{turn}", 500, held if turn == 0 else None))
        spent += 500
        mature(database, AT_ONCE, 30)
        assert payable(database) <= MANY * max(0, spent - given), "what was given is spent first"
    paid_in = MANY * (1500 - given)
    assert 0 < spark(database, owner).earned <= paid_in * SHARE // 10_000 + MANY, "each share is of both, to the nano"
    assert spark(database, owner).credit >= MANY * (given * SHARE // 10_000) - MANY


def test_accounts_that_are_deleted_take_nothing_with_them_and_leave_no_money(database: Database) -> None:
    crowd, owner = farm(database), client(database, "owner", 0)
    do(database, *(hold(who, f"j-{who.account}", 1000) for who in crowd))
    for who in crowd[::2]:
        delete_account(database, who.account, 15)
    payee = Payee(f"{owner.account}/w", owner.account, 700)
    do(database, *(settle(who, f"j-{who.account}", 1000, (payee,)) for who in crowd))
    mature(database, AT_ONCE, 30)
    assert spark(database, owner) == Balance(credit=MANY * 700)
    delete_account(database, owner.account, 35)
    assert promote(database, Budget(10_000), DAY_MS) == 0, "nobody is there to be paid"
    assert nothing_can_be_paid_out(database, owner)


def test_a_payout_that_comes_back_is_no_more_than_went_out(database: Database) -> None:
    crowd, owner = farm(database, 10), client(database, "owner", 0)
    do(database, *jobs(crowd, owner, "j", STARTER))
    mature(database, AT_ONCE, 30)
    promote(database, Budget(400), DAY_MS)
    for turn in range(3):
        payout = ask(database, Wanted(owner.account, "spark", 100, "bank 7", "k"), DAY_MS + turn)
        decide(database, payout.id, "approve", "", "key_1", DAY_MS + turn)
        decide(database, payout.id, "return", "no such bank", "key_1", DAY_MS + turn)
        assert (spark(database, owner).earned, payable(database)) == (100, 100)


def test_whatever_a_farmer_does_no_more_can_be_paid_out_than_was_paid_in(database: Database) -> None:
    """200 steps by chance: gifts, deposits, jobs among all, credit and earnings spent, payouts, deletions."""
    rng, paid_in, paid_out = random.Random(7), 0, 0
    crowd = [client(database, f"c{n}", STARTER) for n in range(8)]
    for step in range(200):
        who, owner = rng.sample(crowd, 2)
        have = spark(database, who)
        match rng.choice(["job", "job", "job", "bonus", "deposit", "spend", "payout", "delete"]):
            case "job" if have.available:
                nano = rng.randint(1, have.available)
                do(database, *jobs([who], owner, f"j{step}", rng.randint(1, nano), nano))
            case "bonus":
                do(database, bonus(who.account, BONUS, step * DAY_MS))
            case "deposit":
                nano = rng.randint(1, 300)
                do(database, grant(who.account, "spark", nano, step, "deposit", ""))
                paid_in += nano
            case "spend":
                do(database, spend_credit(who.account, "spark", max(1, have.credit), step))
                do(database, spend_earned(who.account, "spark", max(1, have.earned // 2), step))
            case "payout" if have.earned:
                if do(database, grant(who.account, "spark", have.earned, step, "payout", "")) == [Done()]:
                    paid_out += have.earned
            case "delete" if step % 10 == 0:
                delete_account(database, who.account, step)
        mature(database, AT_ONCE, 10**6)
        assert paid_out + payable(database) <= paid_in
    assert paid_out > 0, "it is no proof where nobody was paid"
    assert check(database) == []
