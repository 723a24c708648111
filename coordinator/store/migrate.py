"""Brings a database to the schema of this program: Alembic, run at every start, inside of the caller's transaction.

The steps are in `migrations/versions`; one that has been released is never changed, only followed by another. How far a
database has come stands in its table `schema_step`. `alembic_version` names the step that a program must know at least
to work with it: the version before looks there, and starts as long as the steps since only add.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from coordinator.store.errors import StoreError

HEAD = "0024"  # the last step: a database that stands there needs no look at the others
# The last step that did more than add. 0006 keeps what was paid in apart from what was given: a version that does not
# know it misses the deposits of a client, and what it pays a worker with given tokens would count as paid in.
NEEDED = "0006"
STEP, NEED = "schema_step", "alembic_version"
_TABLE = "CREATE TABLE {} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"


def migrate(connection: Connection) -> None:
    """Bring the database to the newest schema. Raises StoreError for one of a newer program.

    With nothing to do it costs four queries.
    """
    step, needed = current(connection), _at(connection, NEED)
    if needed is not None and needed > HEAD:
        raise StoreError(f"it was written by a newer version (schema {needed}): upgrade this program")
    if step is not None and step >= HEAD and needed is not None and needed >= NEEDED:
        return
    from alembic import command  # 0.3 s of imports that a database in order does not need
    from alembic.config import Config

    if needed is not None and not inspect(connection).has_table(STEP):  # of a program without this second table
        connection.execute(text(_TABLE.format(STEP)))
        connection.execute(text(f"INSERT INTO {STEP} VALUES (:step)"), {"step": needed})
    if connection.dialect.name == "postgresql":  # a step over a large table takes minutes; who waits for it does not
        connection.execute(text("SET LOCAL statement_timeout = 0"))
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"], config.attributes["version_table"] = connection, STEP
    command.upgrade(config, HEAD)
    if needed is None:
        connection.execute(text(_TABLE.format(NEED)))
    connection.execute(text(f"DELETE FROM {NEED}"))
    connection.execute(text(f"INSERT INTO {NEED} VALUES (:step)"), {"step": NEEDED})


def current(connection: Connection) -> str | None:
    """The last migration that the database went through; None: none."""
    return _at(connection, STEP) or _at(connection, NEED)


def _at(connection: Connection, table: str) -> str | None:
    if not inspect(connection).has_table(table):
        return None
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()
