from pathlib import Path

import pytest

from coordinator.store import locks
from coordinator.store.errors import LedgerError
from coordinator.store.locks import FileLocks


def test_one_writer_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "LOCK_S", 0.02)
    one, other = (FileLocks(tmp_path / "c.db", serve=False) for _ in range(2))
    with one.exclusive(), pytest.raises(LedgerError, match="locked"), other.exclusive():
        pass
    with other.exclusive():
        pass
    one.close()
    other.close()


def test_one_server_at_a_time(tmp_path: Path) -> None:
    server = FileLocks(tmp_path / "c.db", serve=True)
    with pytest.raises(LedgerError, match="another coordinator"):
        FileLocks(tmp_path / "c.db", serve=True)
    server.close()
    FileLocks(tmp_path / "c.db", serve=True).close()


def test_nobody_else_may_read_the_file(tmp_path: Path) -> None:
    FileLocks(tmp_path / "folder" / "c.db", serve=False).close()
    assert (tmp_path / "folder" / "c.db").stat().st_mode & 0o777 == 0o600
