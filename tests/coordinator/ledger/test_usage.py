from coordinator.clock import DAY_MS
from coordinator.ledger.orders import Settle
from coordinator.ledger.usage import UsageSum, read, sums
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client, do, hold, usage


def test_rows_come_back_as_they_went_in_and_are_summed_by_day_model_and_key(database: Database) -> None:
    alice, bob = client(database), client(database, "bob")
    rows = []
    for n, (who, at_ms, model) in enumerate(
        [(alice, 5, "m"), (alice, 6, "m"), (alice, DAY_MS, "m"), (alice, DAY_MS, "other"), (bob, 5, "m")]
    ):
        row = usage(who, f"j{n}", 7, at_ms, model=model)
        rows.append(row)
        do(database, hold(who, f"j{n}", 10), Settle(f"j{n}", 7, (), (row,), at_ms))
    assert read(database) == rows
    assert sums(database, alice.account, 0) == [
        UsageSum(1, "m", alice.key, 1, 10, 5, 3, 1, 7),
        UsageSum(1, "other", alice.key, 1, 10, 5, 3, 1, 7),
        UsageSum(0, "m", alice.key, 2, 20, 10, 6, 2, 14),
    ]
    assert sums(database, bob.account, DAY_MS) == []
