"""What a running worker makes of a catalog that comes on its line."""

from pathlib import Path

import pytest

from tests.worker.daemon.fake_coordinator import CATALOG
from wire.catalog_text import parse
from wire.handed_catalog import Handed, write
from worker.config import Config
from worker.daemon.handed import taken
from worker.known_models import kept

THEIRS = parse(CATALOG, "theirs")


def test_it_is_kept_and_what_is_served_is_held_against_it(tmp_path: Path) -> None:
    config = Config(coordinator="ws://x", state_dir=tmp_path, handed=Handed(THEIRS, ()))
    assert taken(config, write(THEIRS)) == [("not_in_catalog", None), ("catalog_changed", None)]
    other = THEIRS.model_copy(
        update={"models": (THEIRS.models[0].model_copy(update={"id": "another"}),), "default": "another"}
    )
    (gone, problem), same = taken(config, write(other))
    assert gone == "not_in_catalog" and problem is not None and same == ("catalog_changed", None)
    assert kept(config) == Handed(other, ()), "for the next start"


def test_what_cannot_be_read_or_kept_is_told_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = Config(coordinator="ws://x", state_dir=tmp_path / "file")
    assert taken(config, "junk") == []
    (tmp_path / "file").write_text("")
    assert taken(config, write(THEIRS)) == []
    assert len(caplog.records) == 2


def test_an_owner_who_is_at_work_on_a_catalog_of_its_own_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    own = tmp_path / "own.yaml"
    config = Config(coordinator="ws://x", state_dir=tmp_path, catalog=own, model="tiny")
    for words in ("models: [", CATALOG.replace("tiny", "other")):
        own.write_text(words)
        assert taken(config, write(THEIRS)) == []
    assert len(caplog.records) == 2 and kept(config) == Handed(THEIRS, ())
