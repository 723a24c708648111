"""PostgreSQL's advisory locks: what only one may do at a time, of all processes that have the database open.

In SQLite a transaction that writes is the only one, and `locks.py` keeps a second server away.
"""

from enum import IntEnum

from sqlalchemy import Connection, text


class Lock(IntEnum):
    """What they are for. The server's is held for life: by one server alone, or shared by replicas."""

    SERVER = 0x5EA7
    MIGRATE = 0x5EA8
    REPLICAS = 0x5EA9
    PRICES = 0x5EAA
    PEPPER = 0x5EAB
    MATURE = 0x5EAC
    PROMOTE = 0x5EAD
    SWEEP = 0x5EAE
    USAGE_DAYS = 0x5EAF
    ALERTS = 0x5EB0
    HISTORY = 0x5EB1
    EARNING_DAYS = 0x5EB2


def wait(connection: Connection, lock: Lock) -> None:
    """Have the lock until the transaction ends, after those who have it now."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": int(lock)})


def free(connection: Connection, lock: Lock) -> bool:
    """Have the lock until the transaction ends; False, at once, if another one has it."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.execute(text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": int(lock)}).scalar_one())
