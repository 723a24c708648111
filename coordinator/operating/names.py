"""What ids of accounts and keys are called, for lists that name them."""

from collections.abc import Iterable

from sqlalchemy import select

from coordinator.store.database import Database
from coordinator.store.tables import accounts, keys


def names_of(database: Database, ids: Iterable[str]) -> dict[str, str]:
    """The name of each account and key among the ids; a worker's key (ACCOUNT/WORKER) has its account's."""
    wanted = set(ids)
    found = dict[str, str]()
    for table, prefix in ((accounts, "acc_"), (keys, "key_")):
        some = {name.partition("/")[0] for name in wanted if name.startswith(prefix)}
        if some:
            rows = database.query(select(table.c.id, table.c.name).where(table.c.id.in_(some)))
            found |= {row[0]: row[1] for row in rows}
    workers = {name: found.get(name.partition("/")[0], "") for name in wanted if "/" in name}
    return found | workers
