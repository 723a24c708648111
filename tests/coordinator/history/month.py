"""A made-up month of a network: rows of usage through the ledger, at times of a clock of its own."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, insert, select

from coordinator.clock import DAY_MS
from coordinator.history.figures import HOUR_MS, MINUTE_MS
from coordinator.history.rows import HISTORY
from coordinator.ledger.orders import UsageRow
from coordinator.store.database import Database
from coordinator.store.tables import usage as usage_table
from tests.coordinator.ledger.builders import Client, usage
from tests.coordinator.store import rolled_up as store

NOW_MS = 20_800 * DAY_MS + 15 * HOUR_MS + 7 * MINUTE_MS + 12_345  # in the middle of a day
MODELS = ("tiny", "other", "draws")
FINISHES = ("stop",) * 16 + (
    "length",
    "tool_calls",
    "cancelled",
    "engine_crashed",
    "coordinator_lost",
    "poison_request",
)


def made_up(
    who: Client,
    count: int,
    days: float = 30,
    seed: int = 1,
    until_ms: int = NOW_MS,
    models: Sequence[str] = MODELS,
) -> list[UsageRow]:
    """Ended jobs in the order of their ends; the last of the models draws."""
    die = random.Random(seed)
    rows: list[UsageRow] = []
    for at_ms in sorted(until_ms - round(die.random() * days * DAY_MS) for _ in range(count)):
        model, finish = die.choice(models), die.choice(FINISHES)
        draws = model == models[-1]
        tokens = die.randrange(0, 500)
        first_ms = None if finish == "coordinator_lost" or draws else round(die.lognormvariate(6, 1))
        row = usage(who, f"h{seed}-{len(rows)}", die.randrange(0, 10**6), at_ms, model=model, finish=finish)
        rows.append(
            replace(
                row,
                worker=f"{who.account}/w{die.randrange(5)}",
                attempts=die.choice((1, 1, 1, 2)),
                prompt=die.randrange(1, 4000),
                cached=die.randrange(0, 50),
                completion=0 if draws else tokens,
                reasoning=tokens // 3,
                queued_ms=die.randrange(0, 5000),
                first_token_ms=first_ms,
                total_ms=(first_ms or 0) + tokens * die.randrange(1, 60),
                kind="generate_image" if draws else None,
                units=die.randrange(1, 5) if draws else None,
            )
        )
    return rows


def put(database: Database, rows: list[UsageRow]) -> None:
    """The rows alone, without the money that they cost."""
    with database.transaction() as connection:
        connection.execute(insert(usage_table), [vars(row) for row in rows])


def rolled_up(database: Database, at_ms: int = NOW_MS) -> int:
    return store.rolled_up(database, HISTORY, at_ms)


def used(database: Database, since_ms: int, model: str | None = None) -> Counter[str]:
    """What the table of usage itself says."""
    columns = ("prompt", "cached", "completion", "reasoning", "units")
    summed = select(func.count(), *(func.sum(func.coalesce(usage_table.c[name], 0)) for name in columns))
    among: list[Any] = [usage_table.c.at_ms >= since_ms]
    if model is not None:
        among.append(usage_table.c.model == model)
    ((count, *sums),) = database.query(summed.where(*among))
    return Counter({"requests": count, **{name: int(value or 0) for name, value in zip(columns, sums, strict=True)}})
