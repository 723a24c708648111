"""The sums of a month by day: a reader gets the same, however far they have been added up."""

import random
from dataclasses import replace

from sqlalchemy import func, select

from coordinator.clock import DAY_MS
from coordinator.ledger.orders import Settle
from coordinator.ledger.usage import UsageSum, sums
from coordinator.ledger.usage_days import USAGE_DAYS
from coordinator.store.database import Database
from coordinator.store.roll_up import look
from coordinator.store.rollup_tables import usage_days as table
from coordinator.store.tables import usage as rows
from tests.coordinator.ledger.builders import Client, client, do, hold, usage
from tests.coordinator.store.rolled_up import rolled_up


def used(database: Database, who: Client, job: str, at_ms: int, model: str = "m") -> None:
    do(database, hold(who, job, 10), Settle(job, 7, (), (usage(who, job, 7, at_ms, model=model),), at_ms))


def rolled(database: Database) -> int:
    return int(database.query(select(func.coalesce(func.sum(table.c.requests), 0)))[0][0])


def test_sums_stay_the_same_while_rows_move_into_them(database: Database) -> None:
    small = replace(USAGE_DAYS, batch=3)
    draw, people = random.Random(5), [client(database), client(database, "bob")]
    expected: dict[tuple[str, int, str], int] = {}
    for n in range(40):
        who, day, model = draw.choice(people), draw.choice((38, 39, 40)), draw.choice(("m", "other"))
        used(database, who, f"j{n}", day * DAY_MS + draw.randrange(DAY_MS), model)
        expected[who.account, day, model] = expected.get((who.account, day, model), 0) + 1
        for _ in range(draw.choice((0, 1, 5))):
            small.roll_up.roll(database, look(database, rows).last, 0)
        for each in people:
            found = {(each.account, row.day, row.model): row.requests for row in sums(database, each.account, 0)}
            assert found == {name: number for name, number in expected.items() if name[0] == each.account}
    assert rolled(database) > 0
    rolled_up(database, small.roll_up)
    assert rolled(database) == 40
    (row,) = [row for row in sums(database, people[0].account, 40 * DAY_MS) if row.model == "m"]
    count = expected[people[0].account, 40, "m"]
    assert row == UsageSum(40, "m", people[0].key, count, 10 * count, 5 * count, 3 * count, count, 7 * count)


def test_what_nobody_has_added_up_yet_is_counted_so_far_and_it_is_said_how_far(database: Database) -> None:
    small = replace(USAGE_DAYS, rest=3)
    alice, bob = client(database), client(database, "bob")
    for n in range(7):
        used(database, bob if n % 3 else alice, f"j{n}", DAY_MS + 1000 * n)

    def counted(*accounts: str) -> int:
        return sum(row.requests for row in database.query(small.since(0, accounts or None)))

    assert (counted(), counted(alice.account), counted(bob.account)) == (3, 1, 2)
    assert small.counted_until(database) == DAY_MS // 1000 + 2
    small.roll_up.roll(database, 2, 0)
    assert (counted(), counted(alice.account), small.counted_until(database)) == (5, 2, DAY_MS // 1000 + 4)
    small.roll_up.roll(database, 4, 0)
    assert (counted(), counted(alice.account), counted(bob.account)) == (7, 3, 4)
    assert small.counted_until(database) is None
