from pathlib import Path

import pytest

from coordinator.store.engines import sqlite_file, url_of
from coordinator.store.errors import StoreError


def test_a_url_names_a_file_or_a_server() -> None:
    assert sqlite_file("c.db") == Path("c.db")
    assert sqlite_file("sqlite:////data/c.db") == Path("/data/c.db")
    assert sqlite_file("postgresql://me@db/supernet") is None
    assert url_of("postgres://me@db/supernet".replace("postgres:", "postgresql:")).drivername == "postgresql+psycopg"
    for wrong in ("mysql://me@db/x", "postgresql://", "://"):
        with pytest.raises(StoreError, match="postgresql://USER@HOST/NAME"):
            url_of(wrong)
