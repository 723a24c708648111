"""Artefacts on this disk with a real database, whose files are checked by a real child."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.checker import Checker
from coordinator.artefacts.places import opened
from coordinator.store.database import Database
from coordinator.store.errors import Unavailable
from coordinator.store.store import Store
from tests.coordinator.artefacts.bucket import bucket


@pytest.fixture
def store(database_file: Path) -> Iterator[Store]:
    with closing(Database(database_file)) as database, Store(database) as opened_store:
        yield opened_store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where everything is kept."""
    return tmp_path / "media"


@pytest.fixture
def artefacts(store: Store, folder: Path) -> Artefacts:
    return Artefacts(store, *opened(folder, "", store.database), Checker(), days=30)


def cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the database be out of reach, as a server that restarts is."""

    def unavailable(*_: object) -> None:
        raise Unavailable("postgresql://me:SECRET@host cannot be read")

    monkeypatch.setattr(Database, "query", unavailable)
    monkeypatch.setattr(Database, "transaction", unavailable)


@pytest.fixture
def account(store: Store) -> str:
    return create_account(store.database, "alice", 0).id


@pytest.fixture
def stranger(store: Store) -> str:
    return create_account(store.database, "bob", 0).id


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    with bucket(tmp_path_factory.mktemp("bucket")) as found:
        yield found


@pytest.fixture
def env(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
