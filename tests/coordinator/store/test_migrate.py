"""The steps lead to the tables that the program works with, also from a database of before there were steps."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from coordinator.accounts.rows import list_keys
from coordinator.ledger.audit import check
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import Balance, balances_of
from coordinator.ledger.recovery import recover
from coordinator.store import engines, migrate
from coordinator.store.database import Database
from coordinator.store.errors import StoreError, Unavailable
from coordinator.store.schema import metadata

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
    ours = {"include_name": lambda name, *_: name not in (migrate.STEP, migrate.NEED)}
    context = MigrationContext.configure(database._connection, opts=ours)
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


def set_step(file: Path, table: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute(f"UPDATE {table} SET version_num = '9999'")
    connection.close()


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    Database(tmp_path / "c.db").close()
    set_step(tmp_path / "c.db", migrate.NEED)
    with pytest.raises(StoreError, match="newer version"):
        Database(tmp_path / "c.db")


def test_what_a_newer_version_has_only_added_to_a_database_is_no_reason_to_refuse_it(tmp_path: Path) -> None:
    Database(tmp_path / "c.db").close()
    set_step(tmp_path / "c.db", migrate.STEP)
    database = Database(tmp_path / "c.db")
    assert migrate.current(database._connection) == "9999"
    database.close()


def test_a_version_that_would_misread_the_money_is_told_so(tmp_path: Path) -> None:
    """Also by a database of a version that knew the same steps, and let older ones in."""
    file = tmp_path / "c.db"
    Database(file).close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0003'")
    connection.close()
    Database(file).close()
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0006",)]
    connection.close()


MONEY = """
INSERT INTO accounts (id, name, created_ms) VALUES ('acc_1', 'alice', 5), ('acc_2', 'bob', 5);
INSERT INTO keys (id, account, name, hash, hint, scopes, created_ms) VALUES ('key_1', 'acc_1', 'k', 'ab', 'sk', 'c', 6);
INSERT INTO journals VALUES ('starter:acc_1', 1, ''), ('deposit:acc_1:x', 2, ''), ('hold:j', 3, ''),
  ('settle:j', 4, ''),
  ('hold:open', 5, ''), ('deposit:acc_2:y', 5, '');
INSERT INTO entries (journal, owner, currency, kind, nano) VALUES
  ('starter:acc_1', 'platform', 'spark', 'promotions', -1000), ('starter:acc_1', 'acc_1', 'spark', 'available', 1000),
  ('deposit:acc_1:x', 'platform', 'spark', 'deposits', -500), ('deposit:acc_1:x', 'acc_1', 'spark', 'available', 500),
  ('hold:j', 'acc_1', 'spark', 'available', -300), ('hold:j', 'acc_1', 'spark', 'held', 300),
  ('settle:j', 'acc_1', 'spark', 'held', -300), ('settle:j', 'acc_2', 'spark', 'escrow', 210),
  ('settle:j', 'platform', 'spark', 'revenue', 90),
  ('hold:open', 'acc_1', 'spark', 'available', -100), ('hold:open', 'acc_1', 'spark', 'held', 100),
  ('deposit:acc_2:y', 'platform', 'spark', 'deposits', -50), ('deposit:acc_2:y', 'acc_2', 'spark', 'available', 50);
INSERT INTO balances VALUES ('platform', 'spark', 'promotions', -1000), ('platform', 'spark', 'deposits', -550),
  ('acc_1', 'spark', 'available', 1100), ('acc_1', 'spark', 'held', 100), ('acc_2', 'spark', 'escrow', 210),
  ('platform', 'spark', 'revenue', 90), ('acc_2', 'spark', 'available', 50);
INSERT INTO holds (job, account, key, model, streamed, price_version, price_prompt, price_completion, bound, spark,
  sogni, state, charge, served, at_ms, deadline_ms, ended_ms) VALUES
  ('j', 'acc_1', 'key_1', 'm', true, 1, 1, 1, 10, 300, 0, 'settled', 300, '{}', 3, 9, 4),
  ('open', 'acc_1', 'key_1', 'm', true, 1, 1, 1, 10, 100, 0, 'held', NULL, '{}', 5, 9, NULL);
INSERT INTO usage (job, request, at_ms, account, key, model, worker, attempts, finish, prompt, cached, completion,
  reasoning, price_prompt, price_completion, cost_nano, queued_ms, total_ms) VALUES
  ('j.0', 'j', 4, 'acc_1', 'key_1', 'm', 'acc_2/w', 1, 'stop', 1, 0, 1, 0, 1, 1, 300, 1, 1);
INSERT INTO earnings (job, worker, account, currency, nano, at_ms) VALUES ('j', 'acc_2/w', 'acc_2', 'spark', 210, 4);
"""


def test_money_of_before_is_given_unless_it_was_paid_in_and_earnings_stay_what_was_promised(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "HEAD", "0003")
    blank(address)
    database = Database(address)
    with database.transaction() as connection:
        for statement in MONEY.split(";\n"):
            connection.execute(text(statement))
    database.close()
    monkeypatch.undo()
    database = Database(address)
    assert check(database) == []
    alice, bob = balances_of(database, "acc_1")["spark"], balances_of(database, "acc_2")["spark"]
    assert alice == Balance(available=1100, given=600, held=100)
    assert bob == Balance(available=50, escrow=210)
    assert recover(database, 7000, 10) == 1
    assert mature(database, Terms(0.0, 0), 10) == 1
    assert balances_of(database, "acc_2")["spark"] == Balance(available=50, earned=210)
    assert check(database) == []
    database.close()


def blank(address: str) -> None:
    """A database without any table."""
    if "://" not in address:
        Path(address).unlink()
        return
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")


def test_keys_of_before_have_the_platform_tools_and_so_have_those_that_the_version_before_makes(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "HEAD", "0009")
    blank(address)
    columns = "id, account, name, hash, hint, scopes, created_ms"
    make = f"INSERT INTO keys ({columns}) VALUES ('{{0}}', 'a', 'k', '{{0}}', 's', 'c', 6)"
    database = Database(address)
    with database.transaction() as connection:
        connection.execute(text("INSERT INTO accounts (id, name, created_ms) VALUES ('a', 'alice', 5)"))
        connection.execute(text(make.format("before")))
    database.close()
    monkeypatch.undo()
    database = Database(address)
    with database.transaction() as connection:
        connection.execute(text(make.format("beside")))
    assert [(key.id, key.platform_tools) for key in list_keys(database)] == [("before", True), ("beside", True)]
    database.close()


def test_a_step_over_a_large_table_takes_as_long_as_it_takes(
    postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, PostgreSQL cut it off after a minute, at every start anew."""
    monkeypatch.setattr(engines, "POSTGRES", "-c statement_timeout=200 -c lock_timeout=10000")

    def slow(config: Config, to: str) -> None:
        config.attributes["connection"].execute(text("SELECT pg_sleep(0.5)"))

    monkeypatch.setattr(command, "upgrade", slow)
    database = Database(postgres())
    with pytest.raises(Unavailable, match="statement timeout"):
        database.query(select(text("pg_sleep(0.5)")))
    with database.transaction() as connection:
        assert connection.execute(text("SHOW lock_timeout")).scalar() == "10s"
    database.close()
