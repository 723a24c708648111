"""What is read in steps is what one look at all rows would say."""

import random

import pytest
from sqlalchemy import select

from coordinator.ledger import oldest_credit as module
from coordinator.ledger.budget import Budget
from coordinator.ledger.grants import spend_credit
from coordinator.ledger.oldest_credit import OldestCredit
from coordinator.store.database import Database
from coordinator.store.tables import balances, earnings
from tests.coordinator.ledger.builders import client, do
from tests.coordinator.ledger.promoted import oldest_lots
from tests.coordinator.ledger.test_promotions import earn


def expected(database: Database) -> list[tuple[str, int]]:
    """All credit by the earnings that it came from, the oldest first."""
    left = {row.owner: row.nano for row in database.query(select(balances).where(balances.c.kind == "credit"))}
    lots = []
    for row in database.query(select(earnings).order_by(earnings.c.id.desc())):
        if nano := min(row.given, left.get(row.account, 0)):
            left[row.account] -= nano
            lots.append((row.account, nano))
    return lots[::-1]


@pytest.mark.parametrize("rows", [1, 2, 3, 50])
def test_it_is_the_oldest_of_what_is_left_in_steps_of_any_size(
    database: Database, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(module, "ROWS", rows)
    draw, alice = random.Random(rows), client(database, spark_nano=10_000)
    owners = [client(database, name, 0) for name in ("bob", "carol", "dave")]
    for n in range(24):
        earn(database, alice, draw.choice(owners), f"j{n}", draw.randrange(1, 60), 20 + n // 3)
    for owner in owners[:2]:
        do(database, spend_credit(owner.account, "spark", draw.randrange(1, 150), 90))
    whole = expected(database)
    assert [(lot.account, lot.nano) for lot in oldest_lots(database, Budget(10**9))] == whole
    budget = Budget(200)
    found = oldest_lots(database, budget)

    by_account = {owner.account: sum(lot.nano for lot in found if lot.account == owner.account) for owner in owners}
    assert max(by_account.values()) <= budget.account_nano
    for owner in owners:  # the beginning of what it has
        mine = [nano for account, nano in whole if account == owner.account]
        kept = [lot.nano for lot in found if lot.account == owner.account]
        assert kept[:-1] == mine[: len(kept)][:-1] and all(a <= b for a, b in zip(kept, mine, strict=False))


def test_a_step_reads_a_bounded_number_of_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS", 4)
    alice, bob = client(database, spark_nano=10_000), client(database, "bob", 0)
    for n in range(18):
        earn(database, alice, bob, f"j{n}", 10)
    oldest, steps = OldestCredit(Budget(10**6)), 1
    while oldest.step(database):
        steps += 1
    assert steps == 5 and len(oldest.lots) == 18


def test_of_many_small_lots_the_oldest_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A million of a nano-dollar each were held in memory, as they stayed below every bound of money."""
    monkeypatch.setattr(module, "MOST_LOTS", 4)
    monkeypatch.setattr(module, "ROWS", 3)
    alice, owners = client(database, spark_nano=10_000), [client(database, name, 0) for name in ("bob", "carol")]
    for n in range(20):
        earn(database, alice, owners[n % 2 if n < 8 else 0], f"j{n}", 10, 20 + n)
    whole, oldest = expected(database), OldestCredit(Budget(10**6))
    most = 0
    while oldest.step(database):
        most = max([most, len(oldest.lots), *(len(one.lots) for one in oldest._waiting or ())])
    assert [(lot.account, lot.nano) for lot in oldest.lots] == whole[:4] and most <= 4
