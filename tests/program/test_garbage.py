"""What lives as long as the process is not looked through for garbage."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from coordinator import server
from coordinator.config import Config
from program import garbage
from tests.coordinator.conftest import CATALOG


@pytest.fixture(autouse=True)
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_there_is_set_aside_and_garbage_is_not_kept_with_it() -> None:
    class Knot:
        alive = 0

        def __init__(self) -> None:
            self.itself = self
            Knot.alive += 1

        def __del__(self) -> None:
            Knot.alive -= 1

    Knot()
    kept = [object()]
    garbage.set_aside()
    assert Knot.alive == 0
    assert not any(each is kept for each in gc.get_objects())


def test_a_coordinator_serves_with_its_own_objects_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []

    async def serve(*_: Any) -> None:
        found.append(gc.get_freeze_count())

    monkeypatch.setattr(server, "serve", serve)
    (tmp_path / "models.yaml").write_text(CATALOG)
    config = Config(port=0, db=tmp_path / "c.db", catalog=tmp_path / "models.yaml", count_prompts=False)
    server.run(config, as_json=True)
    assert found[0] > 10_000
