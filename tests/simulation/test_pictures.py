"""Jobs with pictures, over lines of all speeds that are cut between two pieces, and the bugs that this finds."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coordinator.admission.blob_budget import BlobBudget
from coordinator.dispatch import blobs, failover
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import SendFiles
from coordinator.hub.blob_lane import BlobLane
from tools.simulation.simulation import simulate
from worker.engine.port import Picture
from worker.session.blobs import Blobs
from worker.session.effects import Prepare, ReadPictures
from worker.session.pictures import Pictures

SEEDS = 100
EVERYDAY = 6
PLANT_SEEDS = 200

Plant = Callable[[pytest.MonkeyPatch], None]

BLOCKS = [pytest.param(0, EVERYDAY), pytest.param(EVERYDAY, SEEDS, marks=pytest.mark.search)]


@pytest.mark.parametrize(("first", "end"), BLOCKS)
def test_every_promise_holds_with_pictures(first: int, end: int) -> None:
    files = 0
    for seed in range(first, end):
        outcome, history = simulate(seed, kind="pictures")
        assert not outcome.violations, f"scripts/simulate --seed {seed} --pictures --trace"
        files += sum('"type":"blob"' in str(details) for _, what, details in history.records if what == "down")
    assert files > 10 * (end - first), "pieces that came to a worker"


# ---- planted bugs --------------------------------------------------------------------------------------------------


def who_waits_for_its_files_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    give_up = failover.give_up
    monkeypatch.setattr(failover, "give_up", lambda *args, blamed=True: give_up(*args))


def a_piece_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    next_piece = BlobLane.next_piece

    def every_second(self: BlobLane) -> str:
        frame = next_piece(self)
        return next_piece(self) if self else frame

    monkeypatch.setattr(BlobLane, "next_piece", every_second)


def the_memory_is_never_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BlobBudget, "give_back", lambda self, blobs: None)


def two_pictures_are_swapped(monkeypatch: pytest.MonkeyPatch) -> None:
    picture_read = Pictures.picture_read

    def swapped(self: Pictures, *args: Any) -> Any:
        effects = picture_read(self, *args)
        return [replace(each, seen=each.seen[::-1]) if isinstance(each, Prepare) else each for each in effects]

    monkeypatch.setattr(Pictures, "picture_read", swapped)


def files_go_to_another_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    emit = State.emit

    def astray(self: State, effect: Any) -> None:
        others = [worker.peer.session for worker in self.fleet.workers.values() if worker.connected]
        emit(self, replace(effect, session=others[-1]) if isinstance(effect, SendFiles) else effect)

    monkeypatch.setattr(State, "emit", astray)


def files_are_sent_on_when_their_job_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "stop", lambda state, worker, lease: None)


def what_a_worker_has_is_sent_from_the_wrong_place(monkeypatch: pytest.MonkeyPatch) -> None:
    add = BlobLane.add
    monkeypatch.setattr(
        BlobLane,
        "add",
        lambda self, attempt, files: add(self, attempt, [replace(file, offset=file.offset // 2) for file in files]),
    )


def a_job_without_its_files_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    a_piece_is_lost(monkeypatch)
    monkeypatch.setattr(blobs, "accept_s", lambda job, lease, limits: 1e9)
    monkeypatch.setattr(Pictures, "tick", lambda self, now: [])


def a_picture_is_taken_for_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    picture_read = Pictures.picture_read
    read: list[Picture] = []

    def late(self: Pictures, effect: ReadPictures, picture: Picture, in_file: int) -> Any:
        read.append(picture)
        return picture_read(self, effect, read[max(0, len(read) - 2)], in_file)

    monkeypatch.setattr(Pictures, "picture_read", late)


def a_file_counts_as_whole_with_its_first_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking, take = Blobs.lacking, Blobs.take
    monkeypatch.setattr(
        Blobs, "lacking", lambda self, files: [file for file in lacking(self, files) if not self.wanted(file).offset]
    )
    monkeypatch.setattr(Blobs, "take", lambda self, blob: take(self, blob) is not False)


def who_waits_for_files_is_forgotten_with_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pictures, "hand_back", lambda self, why: self._unread.clear() or [])


# The number is the seed that found it last.
PLANTS: list[tuple[Plant, int]] = [
    (who_waits_for_its_files_rests, 9),
    (a_piece_is_lost, 2),
    (the_memory_is_never_given_back, 0),
    (two_pictures_are_swapped, 0),
    (files_go_to_another_worker, 1),
    (files_are_sent_on_when_their_job_has_ended, 9),
    (what_a_worker_has_is_sent_from_the_wrong_place, 9),
    (a_job_without_its_files_is_waited_for_for_ever, 0),
    (a_picture_is_taken_for_the_one_before, 0),
    (a_file_counts_as_whole_with_its_first_piece, 1),
    (who_waits_for_files_is_forgotten_with_the_line, 6),
]


@pytest.mark.parametrize(("plant", "found"), PLANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_planted_bug_is_found(plant: Plant, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the seed that found it last; where that shows nothing any more, by the search of all."""
    plant(monkeypatch)
    assert any(shows_something(seed) for seed in (found, *range(PLANT_SEEDS)))


def shows_something(seed: int) -> bool:
    try:
        return bool(simulate(seed, kind="pictures")[0].violations)
    except (AssertionError, KeyError, ValueError):  # a core that noticed by itself
        return True
