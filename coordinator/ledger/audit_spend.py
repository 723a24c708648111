"""What keys have spent, against the holds that say so."""

import json
from collections import Counter

from sqlalchemy import Integer, case, cast, func, select

from coordinator.clock import DAY_MS
from coordinator.ledger.spend import Purse, purses
from coordinator.store.database import Database
from coordinator.store.tables import holds, key_spend


def check_spend(database: Database, shown: int) -> list[str]:
    """What a key has spent in a period that is still kept is what its ended holds cost and its open ones hold. At most
    `shown` sentences. Raises StoreError."""
    counted = {(row.period, row.counter): int(row.nano) for row in database.query(select(key_spend))}
    kept = {period for period, _ in counted}
    due = Counter(_due(database))  # 0 of what is not there
    odd = [
        f"key {name} has spent {counted.get((period, name), 0)} in {period}, its holds say {due[period, name]}"
        for period, name in sorted(counted.keys() | due.keys())
        if period in kept and counted.get((period, name), 0) != due[period, name]
    ]
    return odd[:shown]


def _due(database: Database) -> dict[Purse, int]:
    day = cast((holds.c.at_ms - holds.c.at_ms % DAY_MS) / DAY_MS, Integer)
    nano = case((holds.c.state == "held", holds.c.spark + holds.c.sogni), else_=holds.c.charge)
    summed = (
        select(holds.c.counted, day.label("day"), func.sum(nano).label("nano"))
        .where(holds.c.counted.is_not(None))
        .group_by(holds.c.counted, day)
    )
    due: dict[Purse, int] = {}
    for row in database.query(summed):
        for purse in purses(json.loads(row.counted), row.day * DAY_MS):
            due[purse] = due.get(purse, 0) + int(row.nano)
    return due
