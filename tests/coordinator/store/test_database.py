import multiprocessing
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert, make_url, select

from coordinator.accounts.accounts import create_account
from coordinator.accounts.rows import list_accounts
from coordinator.store.database import Database
from coordinator.store.errors import Overtaken, StoreError, Unstorable
from coordinator.store.tables import accounts, servers


def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    create_account(database, "alice", 7)
    database.close()
    database = Database(tmp_path / "c.db")
    assert [account.name for account in list_accounts(database)] == ["alice"]
    database.close()


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "c.db")
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        connection.execute(insert(accounts).values(id="a", name="a", created_ms=1))
        raise ZeroDivisionError
    assert database.query(select(accounts)) == []
    create_account(database, "alice", 1)
    database.close()


def test_there_is_one_server_for_a_database_but_the_cli_may_write_too(tmp_path: Path) -> None:
    server = Database(tmp_path / "c.db", serve=True)
    with pytest.raises(StoreError, match="another coordinator"):
        Database(tmp_path / "c.db", serve=True)
    cli = Database(tmp_path / "c.db")
    create_account(cli, "alice", 1)
    cli.close()
    assert len(list_accounts(server)) == 1
    server.close()
    Database(tmp_path / "c.db", serve=True).close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreError, match="not a usable database"):
        Database(tmp_path / "c.db")


def test_a_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="--db"):
        Database(tmp_path / "file" / "c.db")


def _write(path: Path, name: str) -> None:
    for i in range(40):
        database = Database(path)
        create_account(database, f"{name}-{i}", i)
        database.close()


def test_processes_that_write_at_the_same_time_lose_nothing_and_keep_the_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "c.db"
    server = Database(path, serve=True)
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write, args=(path, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for i in range(100):
        create_account(server, f"server-{i}", i)
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    assert len(list_accounts(server)) == 180
    server.close()
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_a_server_that_another_one_has_overtaken_writes_nothing_more_and_that_is_written_down(address: str) -> None:
    first = Database(address, serve=True)
    create_account(first, "alice", 1)
    cli = Database(address)
    with cli.transaction() as connection:  # as a second server would, past all locks
        connection.execute(insert(servers).values(started_ms=2))
    for name in ("bob", "carol"):
        with pytest.raises(Overtaken):
            create_account(first, name, 1)
    assert [account.name for account in list_accounts(cli)] == ["alice"]
    found = {row.number: row.overtaken_ms for row in cli.query(select(servers))}
    assert found[first.identity.server] and found[max(found)] is None
    create_account(cli, "the operator", 1)
    cli.close()
    first.close()


def test_a_second_server_is_kept_away_by_whatever_url_it_comes(postgres: Callable[[], str], tmp_path: Path) -> None:
    url = make_url(postgres())
    (tmp_path / "socket").symlink_to(str(url.query["host"]))
    server = Database(str(postgres()), serve=True)
    others = [
        url.update_query_dict({"application_name": "x"}),
        url.update_query_dict({"host": str(tmp_path / "socket")}),
    ]
    for other in others:
        name = other.render_as_string(hide_password=False)
        with pytest.raises(StoreError, match="another coordinator"):
            Database(name, serve=True)
        Database(name).close()
    server.close()
    Database(others[0].render_as_string(hide_password=False), serve=True).close()


def test_what_postgresql_cannot_hold_is_no_fault_of_the_database(postgres: Callable[[], str]) -> None:
    database = Database(postgres())
    with pytest.raises(Unstorable, match="NUL"):
        database.query(select(accounts).where(accounts.c.id == "\0"))
    with pytest.raises(Unstorable, match="NUL"), database.transaction() as connection:
        connection.execute(insert(accounts).values(id="a", name="a\0b", created_ms=1))
    with pytest.raises(Unstorable, match="out of range"), database.transaction() as connection:
        connection.execute(insert(accounts).values(id="a", name="a", created_ms=2**63))
    assert database.query(select(accounts)) == []
    database.close()
