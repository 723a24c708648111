"""The steps lead to the tables that the program works with, also from a database of before there were steps."""

import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from coordinator.accounts.rows import list_keys
from coordinator.store import migrate
from coordinator.store.database import Database
from coordinator.store.errors import LedgerError
from coordinator.store.tables import metadata

FIRST = """
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO schema_version VALUES (1);
CREATE TABLE accounts (id TEXT NOT NULL, name TEXT NOT NULL, created_ms INTEGER NOT NULL,
  PRIMARY KEY (id), UNIQUE (name));
CREATE TABLE keys (id TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL, hash TEXT NOT NULL, hint TEXT NOT NULL,
  scopes TEXT NOT NULL, created_ms INTEGER NOT NULL, revoked_ms INTEGER, PRIMARY KEY (id),
  FOREIGN KEY(account) REFERENCES accounts (id), UNIQUE (hash));
CREATE TABLE usage (id INTEGER NOT NULL, job TEXT NOT NULL, at_ms INTEGER NOT NULL, account TEXT NOT NULL,
  key TEXT NOT NULL, model TEXT NOT NULL, worker TEXT, attempts INTEGER NOT NULL, finish TEXT NOT NULL,
  prompt INTEGER NOT NULL, cached INTEGER NOT NULL, completion INTEGER NOT NULL, reasoning INTEGER NOT NULL,
  price_prompt INTEGER NOT NULL, price_completion INTEGER NOT NULL, cost_nano INTEGER NOT NULL,
  queued_ms INTEGER NOT NULL, first_token_ms INTEGER, total_ms INTEGER NOT NULL, PRIMARY KEY (id), UNIQUE (job));
INSERT INTO accounts VALUES ('acc_1', 'alice', 5);
INSERT INTO keys VALUES ('key_1', 'acc_1', 'laptop', 'ab', 'sk', 'client', 6, NULL);
"""


def test_the_steps_make_the_tables_that_the_program_knows(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    context = MigrationContext.configure(database._connection)
    assert compare_metadata(context, metadata) == []
    database.close()


def test_the_last_step_is_where_a_database_stands(tmp_path: Path) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).with_name("migrations")))
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]
    database = Database(tmp_path / "c.db")
    assert migrate.current(database._connection) == migrate.HEAD
    database.close()


def test_a_database_of_before_the_steps_keeps_what_it_holds(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "c.db")
    connection.executescript(FIRST)
    connection.close()
    database = Database(tmp_path / "c.db")
    (key,) = list_keys(database)
    assert (key.id, key.account, key.limits.rpm, key.expires_ms) == ("key_1", "acc_1", None, None)
    database.close()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "c.db").close()
    with sqlite3.connect(tmp_path / "c.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(LedgerError, match="newer version"):
        Database(tmp_path / "c.db")
