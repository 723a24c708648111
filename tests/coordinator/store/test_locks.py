import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from coordinator.store import locks
from coordinator.store.database import Database
from coordinator.store.errors import StoreError
from coordinator.store.locks import FileLocks


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LOCK_S", 0.02)
    one, other = (FileLocks(tmp_path / "c.db", serve=False) for _ in range(2))
    with one.exclusive(), pytest.raises(StoreError, match="locked"), other.exclusive():
        pass
    with other.exclusive():
        pass
    one.close()
    other.close()


def test_one_server_at_a_time(tmp_path: Path) -> None:
    server = FileLocks(tmp_path / "c.db", serve=True)
    with pytest.raises(StoreError, match="another coordinator"):
        FileLocks(tmp_path / "c.db", serve=True)
    server.close()
    FileLocks(tmp_path / "c.db", serve=True).close()


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    FileLocks(tmp_path / "folder" / "c.db", serve=False).close()
    assert (tmp_path / "folder" / "c.db").stat().st_mode & 0o777 == 0o600


# ---- one file by many names ------------------------------------------------------------------------------------------


def by_link(file: Path, to: Path) -> Path:
    to.symlink_to(file)
    return to


def by_folder(file: Path, to: Path) -> Path:
    to.symlink_to(file.parent)
    return to / file.name


def by_relative(file: Path, to: Path) -> Path:
    return file.parent / "elsewhere" / ".." / file.name


@pytest.mark.parametrize("name", [by_link, by_folder, by_relative])
def test_a_second_server_is_kept_away_by_whatever_name_it_comes(
    tmp_path: Path, name: Callable[[Path, Path], Path]
) -> None:
    (tmp_path / "a" / "elsewhere").mkdir(parents=True)
    server = Database(tmp_path / "a" / "c.db", serve=True)
    other = name(tmp_path / "a" / "c.db", tmp_path / "b")
    with pytest.raises(StoreError, match="another coordinator"):
        Database(other, serve=True)
    Database(other).close()  # the command line, which knows the same locks by it
    server.close()
    Database(other, serve=True).close()


def test_a_second_server_is_kept_away_that_comes_by_an_open_descriptor(tmp_path: Path) -> None:
    server = Database(tmp_path / "c.db", serve=True)
    with (tmp_path / "c.db").open() as file, pytest.raises(StoreError, match="another coordinator"):
        Database(f"/proc/self/fd/{file.fileno()}", serve=True)
    server.close()


@pytest.mark.parametrize("serve", [True, False])
def test_a_file_of_two_hard_links_is_refused_by_either_name(tmp_path: Path, serve: bool) -> None:
    Database(tmp_path / "c.db").close()
    (tmp_path / "other.db").hardlink_to(tmp_path / "c.db")
    for name in ("c.db", "other.db"):
        with pytest.raises(StoreError, match="hard links"):
            Database(tmp_path / name, serve=serve)


def test_a_file_that_is_mounted_elsewhere_is_locked_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a second name without a link; made here by a link that appears once the server runs, and is not counted."""
    monkeypatch.setattr(locks, "OPENING_S", 0.0)
    server = FileLocks(tmp_path / "c.db", serve=True)
    (tmp_path / "mounted.db").hardlink_to(tmp_path / "c.db")
    monkeypatch.setattr(locks, "_names", lambda file: 1)
    with pytest.raises(StoreError, match="by another name"):
        FileLocks(tmp_path / "mounted.db", serve=True)
    with pytest.raises(StoreError, match="by another name"):
        FileLocks(tmp_path / "mounted.db", serve=False)
    FileLocks(tmp_path / "c.db", serve=False).close()
    server.close()


def test_another_database_in_the_folder_and_a_copy_are_other_databases(tmp_path: Path) -> None:
    server = Database(tmp_path / "c.db", serve=True)
    shutil.copyfile(tmp_path / "c.db", tmp_path / "copy.db")
    for name in ("copy.db", "new.db"):
        Database(tmp_path / name, serve=True).close()
    server.close()
