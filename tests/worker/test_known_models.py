"""Which catalog counts, what is kept of the coordinator's, and what an owner is told when the two are not the same."""

from dataclasses import replace
from pathlib import Path

import pytest

from program.catalog import load_catalog
from tests.worker.daemon.fake_coordinator import CATALOG
from tests.worker.daemon.media_catalog import written
from wire.catalog_text import parse
from wire.handed_catalog import Handed, Unusable, write
from worker.config import Config
from worker.known_models import KEPT, contradictions, keep, kept, known, read, with_lost

THEIRS = parse(CATALOG, "theirs")
(TINY,) = THEIRS.models


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(coordinator="wss://net.example/v1", state_dir=tmp_path / "state")


def test_an_owners_catalog_counts_then_the_coordinators_then_the_programs_own(config: Config, tmp_path: Path) -> None:
    own = tmp_path / "models.yaml"
    own.write_text(CATALOG.replace("tiny", "mine"))
    handed = replace(config, handed=Handed(THEIRS, ()))
    assert known(config) == load_catalog(None)
    assert known(handed) is THEIRS
    assert known(replace(handed, catalog=own)).default == "mine"


def test_what_was_handed_out_is_there_at_the_next_start_of_the_same_coordinators_worker(config: Config) -> None:
    assert kept(config) is None
    keep(config, write(THEIRS))
    assert kept(config) == Handed(THEIRS, ())
    assert kept(replace(config, coordinator="https://net.example")) == Handed(THEIRS, ()), "the same, in other words"
    assert kept(replace(config, coordinator="wss://other.example")) is None
    assert kept(replace(config, coordinator=None)) is None


def test_what_is_to_be_served_is_known_as_it_stood_last_until_the_operator_puts_it_back(config: Config) -> None:
    config = replace(config, model="tiny")
    keep(config, write(THEIRS))
    without = THEIRS.model_copy(update={"models": (TINY.model_copy(update={"id": "tyni"}),), "default": "tyni"})
    for _ in range(3):  # however often it is started meanwhile
        keep(config, write(without))
    now = replace(config, handed=kept(config))
    assert now.handed == Handed(without, ()), "the list is the coordinator's as it is now"
    found = with_lost(now)
    assert found.handed is not None and found.handed.catalog.models == (*without.models, TINY)
    assert found.handed.catalog.default == "tyni"
    assert with_lost(replace(now, model="never")).handed == now.handed
    assert with_lost(replace(now, model=None)).handed == now.handed, "no name: the default counts"
    assert with_lost(replace(now, catalog=config.state_dir)).handed == now.handed
    newer = replace(now, handed=Handed(without, ("tiny",)))
    assert with_lost(newer) is newer, "it stands there, for a newer worker"
    other = replace(now, coordinator="wss://other.example")
    assert with_lost(other) is other
    keep(config, write(THEIRS))
    assert with_lost(replace(config, handed=kept(config))).handed == Handed(THEIRS, ())


@pytest.mark.parametrize("junk", ["", "{}", "7", '{"coordinator": "wss://net.example", "text": 7}', '{"text": "{}"}'])
def test_a_file_that_cannot_be_read_is_as_none(config: Config, junk: str) -> None:
    config.state_dir.mkdir()
    (config.state_dir / KEPT).write_text(junk)
    assert kept(config) is None


def test_a_package_is_one_that_this_program_names_itself() -> None:
    (shipped,) = [spec for spec in load_catalog(None).models if spec.package]
    assert read(write(THEIRS.model_copy(update={"models": (TINY, shipped)}))).catalog.models[1] == shipped
    other = shipped.model_copy(update={"package": "this"})
    assert read(write(THEIRS.model_copy(update={"models": (TINY, other)}))).left_out == (shipped.id,)
    with pytest.raises(Unusable):
        read(write(THEIRS.model_copy(update={"models": (other,)})))


def test_a_price_a_limit_and_a_licence_are_the_coordinators_business_and_a_file_is_the_workers(tmp_path: Path) -> None:
    def told(served: object, left_out: tuple[str, ...] = ()) -> dict[str, str]:
        found = contradictions((served,), Handed(THEIRS, left_out))  # type: ignore[arg-type]
        return {code: issue.message for code, issue in found if issue is not None}

    assert told(TINY.model_copy(update={"context": 256, "licence": "MIT", "name": "T"})) == {}
    assert (
        "files, shape"
        in told(
            load_catalog(None)
            .models[0]
            .model_copy(update={"id": "tiny", "projector": None, "repository": TINY.repository, "format": TINY.format})
        )["catalog_changed"]
    )
    gone = TINY.model_copy(update={"id": "gone"})
    assert list(told(gone)) == ["not_in_catalog"] and "no jobs" in told(gone)["not_in_catalog"]
    assert "cannot serve it" in told(gone, ("gone",))["catalog_changed"]
    painter = parse(written(tmp_path).read_text(), "media").media[0]
    assert list(told(painter)) == ["not_in_catalog"]
