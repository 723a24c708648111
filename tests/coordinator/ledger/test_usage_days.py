"""The sums of a month by day: a reader gets the same, however far they have been added up."""

import random
from dataclasses import replace

from sqlalchemy import func, insert, select

from coordinator.clock import DAY_MS
from coordinator.ledger.orders import Settle
from coordinator.ledger.roll_up import SETTLED_MS
from coordinator.ledger.usage import UsageSum, sums
from coordinator.ledger.usage_days import USAGE_DAYS
from coordinator.store.database import Database
from coordinator.store.rollup_tables import usage_days as table
from coordinator.store.tables import usage as rows
from tests.coordinator.ledger.builders import Client, client, do, hold, usage


def used(database: Database, who: Client, job: str, at_ms: int, model: str = "m") -> None:
    do(database, hold(who, job, 10), Settle(job, 7, (), (usage(who, job, 7, at_ms, model=model),), at_ms))


def rolled(database: Database) -> int:
    return int(database.query(select(func.coalesce(func.sum(table.c.requests), 0)))[0][0])


def test_sums_stay_the_same_while_rows_move_into_them(database: Database) -> None:
    small = replace(USAGE_DAYS, batch=3)
    draw, people = random.Random(5), [client(database), client(database, "bob")]
    expected: dict[tuple[str, int, str], int] = {}
    at_ms = 40 * DAY_MS
    for n in range(40):
        who, day, model = draw.choice(people), draw.choice((38, 39, 40)), draw.choice(("m", "other"))
        used(database, who, f"j{n}", day * DAY_MS + draw.randrange(DAY_MS), model)
        expected[who.account, day, model] = expected.get((who.account, day, model), 0) + 1
        at_ms += draw.choice((0, SETTLED_MS))
        for _ in range(draw.choice((0, 1, 5))):
            small.roll(database, at_ms)
        for each in people:
            found = {(each.account, row.day, row.model): row.requests for row in sums(database, each.account, 0)}
            assert found == {name: number for name, number in expected.items() if name[0] == each.account}
    assert 0 < rolled(database) < 40
    # Once for what has been seen, once for what is there now.
    while small.roll(database, at_ms + SETTLED_MS):
        pass
    while small.roll(database, at_ms + 2 * SETTLED_MS):
        pass
    assert rolled(database) == 40
    (row,) = [row for row in sums(database, people[0].account, 40 * DAY_MS) if row.model == "m"]
    count = expected[people[0].account, 40, "m"]
    assert row == UsageSum(40, "m", people[0].key, count, 10 * count, 5 * count, 3 * count, count, 7 * count)


def test_a_row_that_is_committed_late_is_in_no_sum_before_it_is_there(database: Database) -> None:
    """Replicas take ids and commit in another order: a row may come after one with a greater id."""
    alice = client(database)
    used(database, alice, "first", DAY_MS)
    used(database, alice, "last", DAY_MS)
    (late,) = database.query(select(rows).where(rows.c.job == "first.0"))
    with database.transaction() as connection:
        connection.execute(rows.delete().where(rows.c.id == late.id))
    USAGE_DAYS.roll(database, 2 * DAY_MS)
    with database.transaction() as connection:
        connection.execute(insert(rows).values(**late._mapping))
    while USAGE_DAYS.roll(database, 2 * DAY_MS + SETTLED_MS):
        pass
    assert [row.requests for row in sums(database, alice.account, 0)] == [2]
    assert rolled(database) == 2


def test_nothing_is_added_up_before_it_was_seen_so_long_ago_that_all_before_it_is_there(database: Database) -> None:
    alice = client(database)
    assert USAGE_DAYS.roll(database, DAY_MS) == 0
    used(database, alice, "j", DAY_MS)
    seen_ms = DAY_MS + SETTLED_MS
    for at_ms in (seen_ms - 1, seen_ms, seen_ms, seen_ms + SETTLED_MS - 1):  # of several replicas one looks at any time
        assert USAGE_DAYS.roll(database, at_ms) == 0
        assert rolled(database) == 0 and [row.requests for row in sums(database, alice.account, 0)] == [1]
    assert USAGE_DAYS.roll(database, seen_ms + SETTLED_MS) == 1
    assert rolled(database) == 1 and [row.requests for row in sums(database, alice.account, 0)] == [1]
