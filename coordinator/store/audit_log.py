"""What operators decided on payouts, in the transaction of the decision, and what was changed at the command line.
Append-only."""

from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from coordinator.store.database import Database
from coordinator.store.operator_tables import audit_log

COMMAND_LINE = "command line"  # the actor of a command on the machine of the database
DETAIL = 500  # characters


@dataclass(frozen=True)
class Deed:
    """One entry. `actor`: the id of a key, or COMMAND_LINE; `target`: the id of the account, key, worker or model that
    it was done to."""

    id: int
    at_ms: int
    actor: str
    action: str
    target: str
    detail: str


def record(connection: Connection, actor: str, action: str, target: str, detail: str, at_ms: int) -> None:
    """Write down a deed, in the caller's transaction."""
    row = {"at_ms": at_ms, "actor": actor, "action": action, "target": target, "detail": detail[:DETAIL]}
    connection.execute(insert(audit_log).values(row))


def read(database: Database, most: int, before: int | None = None) -> list[Deed]:
    """The last deeds, the newest first; `before`: those with a smaller id, for the next page."""
    statement = select(audit_log).order_by(audit_log.c.id.desc()).limit(most)
    statement = statement if before is None else statement.where(audit_log.c.id < before)
    return [Deed(**row._mapping) for row in database.query(statement)]
