"""The versions of the catalog's prices: one that has changed since the last start becomes a new version."""

from collections.abc import Mapping

from sqlalchemy import insert, select

from coordinator.ledger.pricing import Tariff
from coordinator.store.database import Database
from coordinator.store.tables import prices


def pin(database: Database, current: Mapping[str, tuple[int, int]], at_ms: int) -> dict[str, Tariff]:
    """Record the current prices: one that has changed becomes a new version. Returns the tariff of each model.

    `current`: model -> nano-dollars per token of prompt and completion.
    """
    last: dict[str, Tariff] = {}
    for row in database.query(select(prices).order_by(prices.c.model, prices.c.version)):
        last[row.model] = Tariff(row.version, row.prompt, row.completion)
    pinned, new = {}, []
    for model, (prompt, completion) in current.items():
        tariff = last.get(model, Tariff(0, -1, -1))
        if (tariff.prompt, tariff.completion) != (prompt, completion):
            tariff = Tariff(tariff.version + 1, prompt, completion)
            new.append({"model": model, **tariff.__dict__, "since_ms": at_ms})
        pinned[model] = tariff
    if new:
        with database.transaction() as connection:
            connection.execute(insert(prices), new)
    return pinned
