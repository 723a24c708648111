"""A database knows its pepper: it is made once, never replaced in silence; what is wrong with it is one sentence."""

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coordinator.accounts.accounts import KeyRequest, create_key
from coordinator.accounts.pepper import open_pepper, pepper_file
from coordinator.assembly import assembled
from coordinator.config import Config
from coordinator.store.database import Database
from coordinator.store.errors import StoreError


@pytest.fixture
def opened(database_file: Path) -> Iterator[Database]:
    database = Database(database_file)
    yield database
    database.close()


def test_the_pepper_is_made_once_and_nobody_else_may_read_it(opened: Database, tmp_path: Path) -> None:
    path = pepper_file(tmp_path / "c.db")
    first = open_pepper(opened, path, make=True)
    assert len(first) == 32
    assert open_pepper(opened, path, make=True) == open_pepper(opened, path, make=False) == first
    assert (tmp_path / "c.db.pepper").stat().st_mode & 0o777 == 0o600


def test_the_pepper_lies_beside_a_file_and_in_the_home_of_the_user_for_another_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert pepper_file("sqlite:////data/c.db") == Path("/data/c.db.pepper")
    assert pepper_file("postgresql://me@db/supernet") == tmp_path / "supernet" / "supernet-coordinator.pepper"


def test_a_database_has_one_pepper_by_whatever_link_it_is_opened(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "data" / "c.db")
    assert pepper_file(tmp_path / "link.db") == tmp_path / "data" / "c.db.pepper"
    (tmp_path / "link.db.pepper").write_text("where an earlier version put it")
    assert pepper_file(tmp_path / "link.db") == tmp_path / "link.db.pepper"


def test_a_pepper_that_the_coordinator_would_not_have_is_not_made_in_passing(opened: Database, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"--pepper.*--init"):
        open_pepper(opened, tmp_path / "pepper", make=False)
    assert not (tmp_path / "pepper").exists()


def with_a_key(database: Database, path: Path) -> None:
    create_key(database, open_pepper(database, path, make=True), KeyRequest("k"), 1)


def test_a_database_with_keys_gets_no_new_pepper(opened: Database, tmp_path: Path) -> None:
    with_a_key(opened, tmp_path / "pepper")
    (tmp_path / "pepper").unlink()
    for make in (True, False):
        with pytest.raises(StoreError, match="restore the file from a backup"):
            open_pepper(opened, tmp_path / "pepper", make=make)
    assert not (tmp_path / "pepper").exists()


def test_another_pepper_than_that_of_the_keys_is_refused_and_a_restored_one_is_known(
    opened: Database, tmp_path: Path
) -> None:
    with_a_key(opened, tmp_path / "pepper")
    (tmp_path / "kept").write_text((tmp_path / "pepper").read_text())
    (tmp_path / "pepper").write_text("ab" * 32)
    with pytest.raises(StoreError, match="another database's pepper"):
        open_pepper(opened, tmp_path / "pepper", make=True)
    assert open_pepper(opened, tmp_path / "kept", make=False) == bytes.fromhex((tmp_path / "kept").read_text())


def test_a_database_of_a_version_that_did_not_know_its_pepper_learns_it(opened: Database, tmp_path: Path) -> None:
    with_a_key(opened, tmp_path / "pepper")
    with sqlite3.connect(tmp_path / "c.db") as connection:
        connection.execute("DELETE FROM settings")
    connection.close()
    open_pepper(opened, tmp_path / "pepper", make=True)
    (tmp_path / "pepper").write_text("ab" * 32)
    with pytest.raises(StoreError, match="another database's pepper"):
        open_pepper(opened, tmp_path / "pepper", make=True)


def test_a_database_without_keys_takes_another_pepper(opened: Database, tmp_path: Path) -> None:
    first = open_pepper(opened, tmp_path / "one", make=True)
    assert open_pepper(opened, tmp_path / "two", make=True) != first
    with_a_key(opened, tmp_path / "two")


@pytest.mark.parametrize("bad", ["", "garbage", "ab" * 31, "ab" * 33, "\N{SNOWMAN}" * 64])
def test_what_is_no_pepper_is_said_in_one_line(opened: Database, tmp_path: Path, bad: str) -> None:
    (tmp_path / "pepper").write_text(bad)
    with pytest.raises(StoreError, match="damaged") as error:
        open_pepper(opened, tmp_path / "pepper", make=True)
    assert "\n" not in str(error.value)


def test_a_folder_in_the_place_of_the_pepper_is_said_in_one_line(opened: Database, tmp_path: Path) -> None:
    (tmp_path / "pepper").mkdir()
    for path in (tmp_path / "pepper", tmp_path / "c.db" / "pepper"):
        with pytest.raises(StoreError, match="cannot read the pepper"):
            open_pepper(opened, path, make=True)


def test_a_pepper_that_another_user_made_is_said_to_be_that_ones(
    opened: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root does with `key create --init`, for a coordinator that is not root."""

    def refused(path: Path, encoding: str) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(StoreError, match=f"chown {os.geteuid()} .*pepper"):
        open_pepper(opened, tmp_path / "pepper", make=False)


def test_a_coordinator_does_not_start_without_the_pepper_of_its_keys(tmp_path: Path) -> None:
    config = Config(db=tmp_path / "c.db")
    with assembled(config) as running:
        with_a_key(running.store.database, pepper_file(config.db))
    for text in (None, "garbage", "ab" * 32):
        pepper_file(config.db).unlink()
        if text is not None:
            pepper_file(config.db).write_text(text)
        with pytest.raises(StoreError, match="pepper"), assembled(config):
            pass
        pepper_file(config.db).touch()


def test_of_several_replicas_none_puts_the_pepper_of_another_out_of_use(
    postgres: Callable[[], str], tmp_path: Path
) -> None:
    """Also before there is a key: two that start for the first time would each go on with their own."""
    url = postgres()
    one, other = (Database(url, serve=True, shared=True) for _ in range(2))
    open_pepper(one, tmp_path / "one", make=True)
    with pytest.raises(StoreError, match="another database's pepper"):
        open_pepper(other, tmp_path / "other", make=True)
    assert open_pepper(other, tmp_path / "one", make=True) == open_pepper(one, tmp_path / "one", make=False)
    one.close()
    other.close()
