"""Brings a database to the schema of this program: Alembic, run at every start, inside of the caller's transaction.

The steps are in `migrations/versions`; one that has been released is never changed, only followed by another.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from coordinator.store.errors import LedgerError

HEAD = "0003"  # the last step: a database that stands there needs no look at the others


def migrate(connection: Connection) -> None:
    """With nothing to do it costs two queries. Raises LedgerError for a step that this program does not know."""
    version = current(connection)
    if version == HEAD:
        return
    from alembic import command  # 0.3 s of imports that a database in order does not need
    from alembic.config import Config

    if version is not None and version > HEAD:
        raise LedgerError(f"it was written by a newer version (schema {version}): upgrade this program")
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)


def current(connection: Connection) -> str | None:
    """The last step that the database went through; None: none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
