"""The versions of the catalog's prices: one that has changed since it was read last becomes a new version.

Beside replicas that run, a catalog from before theirs sets no prices: it takes those that stand in the database. Else
they would flip with every start while replicas are upgraded one by one.
"""

import json
import logging
from collections.abc import Mapping
from hashlib import sha256

from sqlalchemy import Connection, delete, func, insert, select

from coordinator.ledger.pricing import Tariff
from coordinator.store.advisory import Lock, wait
from coordinator.store.database import Database
from coordinator.store.tables import prices, replicas, settings

log = logging.getLogger("supernet.ledger")

Prices = Mapping[str, tuple[int, int]]
LISTS = "price lists"  # the setting with the hashes of those that have been seen, the newest last
MOST_LISTS = 100


def pin(database: Database, current: Prices, at_ms: int, meant: bool = False) -> dict[str, Tariff]:
    """Record the current prices: one that has changed becomes a new version. Returns the tariff of each model.

    `current`: model -> nano-dollars per token of prompt and completion. `meant`: the operator has changed them just
    now, so they are the newest, even if there were such prices before.
    """
    with database.transaction() as connection:
        wait(connection, Lock.PRICES)
        sets = _newest(connection, current, meant) or not _beside_others(connection, database.replica)
        last: dict[str, Tariff] = {}
        for row in connection.execute(select(prices).order_by(prices.c.model, prices.c.version)):
            last[row.model] = Tariff(row.version, row.prompt, row.completion)
        pinned, new = {}, []
        for model, (prompt, completion) in current.items():
            tariff = last.get(model)
            if tariff is None or (sets and (tariff.prompt, tariff.completion) != (prompt, completion)):
                tariff = Tariff(tariff.version + 1 if tariff else 1, prompt, completion)
                new.append({"model": model, **tariff.__dict__, "since_ms": at_ms})
            pinned[model] = tariff
        if new:
            connection.execute(insert(prices), new)
    if not sets:
        log.warning("this catalog is older than that of the replicas that run: their prices are taken")
    return pinned


def _newest(connection: Connection, current: Prices, meant: bool) -> bool:
    """Whether no other price list has been seen since this one was; one that is new, or `meant`, is the newest."""
    digest = sha256(json.dumps(sorted(current.items())).encode()).hexdigest()
    found = connection.execute(select(settings.c.value).where(settings.c.name == LISTS)).scalar()
    known: list[str] = json.loads(found) if found else []
    if digest in known and not meant:
        return digest == known[-1]
    connection.execute(delete(settings).where(settings.c.name == LISTS))
    value = json.dumps([*(one for one in known if one != digest), digest][-MOST_LISTS:])
    connection.execute(insert(settings).values(name=LISTS, value=value))
    return True


def _beside_others(connection: Connection, replica: str) -> bool:
    others = select(func.count()).where(replicas.c.state == "up", replicas.c.id != replica)
    return bool(replica) and connection.execute(others).scalar_one() > 0
