"""Things to be made, beside chats, whatever goes wrong: each ends once, the same file comes of it wherever it is made,
it is paid once, and belongs to its client. And the bugs that this finds.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from coordinator.billing import billing
from coordinator.billing.billing import Billing
from coordinator.dispatch import attempt_ends, ends, leases, making, unservable, uploads
from coordinator.dispatch.dispatch_state import State
from coordinator.dispatch.effects import Progress, Progressed
from coordinator.ledger import recovery
from coordinator.scheduler.state import Job
from coordinator.scheduler.workers import Worker
from tools.simulation.simulation import simulate
from tools.simulation.world import Kind
from wire.chat import Usage
from wire.media import Upload
from wire.messages import Done, Start
from worker.engine.port import JobUsage
from worker.session.attempt import Attempt
from worker.session.effects import CleanUp, StopMaking
from worker.session.media_files import MediaFiles
from worker.session.media_jobs import MediaJobs
from worker.session.media_task import MediaTask

SEEDS = 150  # 300 take 70 s of processor time
EVERYDAY = 6
PLANT_SEEDS = 150
MEDIA: Kind = "media"

Plant = Callable[[pytest.MonkeyPatch], None]

BLOCKS = [pytest.param(0, EVERYDAY), pytest.param(EVERYDAY, SEEDS, marks=pytest.mark.search)]


@pytest.mark.parametrize(("first", "end"), BLOCKS)
def test_every_promise_holds_of_what_is_made(first: int, end: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(first, end):
        outcome, history = simulate(seed, MEDIA)
        assert not outcome.violations, f"scripts/simulate --seed {seed} --media --trace"
        seen += history.count
    assert seen["made known"] > 5 * (end - first)
    assert seen["kill"] and seen["leaves"]


def test_a_seed_has_one_history() -> None:
    """Though its database has keys and times of its own each time."""
    assert simulate(2, MEDIA)[0].digest == simulate(2, MEDIA)[0].digest != simulate(4, MEDIA)[0].digest


# ---- planted bugs --------------------------------------------------------------------------------------------------


def late_uploads_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = uploads.ended
    monkeypatch.setattr(uploads, "ended", lambda *what: ended(*what) or True)


def done_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    def made(state: State, worker: Worker, job: Job, now: float) -> None:
        usage = Usage(prompt=0, completion=0)
        ends.finish(state, job, Done(job=job.spec.id, attempt=1, seq=0, finish_reason="stop", usage=usage), now)

    monkeypatch.setattr(attempt_ends, "_made_nothing", made)


def whatever_ended_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billing, "_billed", lambda end: True)


def what_is_paid_is_written_down_before_it_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def progress(job: Any, end: Any) -> Progress:
        return Progress(1, end.report.worker or "gpus/w0", (("gpus/w0", job.piece.units if job.piece else 0),))

    monkeypatch.setattr(billing, "_progress", progress)


def the_hold_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Billing, "_close", lambda self, bill: None)


def what_a_coordinator_held_stays_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "_end", lambda *order: 0)


def it_is_made_again_with_another_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(upload: Upload | None, seed: int, attempt: int, **fields: Any) -> Start:
        return Start(upload=upload, seed=seed + (attempt - 1 if upload else 0), attempt=attempt, **fields)

    monkeypatch.setattr(leases, "Start", start)


def progress_is_told_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    progressed = making.progressed

    def told(state: State, lease: Any, progress: Any, now: float) -> str | None:
        if (job := state.current(lease)) is not None:
            state.emit(Progressed(job.spec.id, progress.stage, progress.step, progress.steps))
        return progressed(state, lease, progress, now)

    monkeypatch.setattr("coordinator.dispatch.frames.progressed", told, raising=False)
    monkeypatch.setattr(making, "progressed", told)


def what_nobody_can_make_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unservable, "why", lambda state, job, now, part: None)


def the_pipeline_is_not_told_of_a_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = MediaJobs.cancel

    def around(self: MediaJobs, attempt: Attempt[MediaTask]) -> Any:
        return [effect for effect in cancel(self, attempt) if not isinstance(effect, StopMaking)]

    monkeypatch.setattr(MediaJobs, "cancel", around)


def the_slot_is_free_when_the_cancel_is_sent_to_the_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = MediaJobs.cancel

    def around(self: MediaJobs, attempt: Attempt[MediaTask]) -> Any:
        effects = cancel(self, attempt)
        return effects if attempt.ended else [*effects, *self._end(attempt, attempt.cancelled(JobUsage()))]

    monkeypatch.setattr(MediaJobs, "cancel", around)


def what_was_made_stays_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    end = MediaJobs._end

    def around(self: MediaJobs, *what: Any) -> Any:
        return [effect for effect in end(self, *what) if not isinstance(effect, CleanUp)]

    monkeypatch.setattr(MediaJobs, "_end", around)


def it_is_begun_before_its_files_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MediaFiles, "lacking", lambda self, key: [])


# The number is the seed that found it last.
PLANTS: list[tuple[Plant, int]] = [
    (late_uploads_are_kept, 23),
    (done_is_believed, 28),
    (whatever_ended_is_paid, 0),
    (what_is_paid_is_written_down_before_it_is_made, 20),
    (the_hold_is_forgotten, 0),
    (what_a_coordinator_held_stays_held, 8),
    (it_is_made_again_with_another_seed, 0),
    (progress_is_told_as_it_comes, 1),
    (what_nobody_can_make_is_waited_for, 0),
    (the_pipeline_is_not_told_of_a_cancel, 1),
    (the_slot_is_free_when_the_cancel_is_sent_to_the_pipeline, 1),
    (what_was_made_stays_on_the_disk, 0),
    (it_is_begun_before_its_files_are_there, 0),
]


@pytest.mark.parametrize(("plant", "found"), PLANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_planted_bug_is_found(plant: Plant, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the seed that found it last; where that shows nothing any more, by the search of all."""
    plant(monkeypatch)
    assert any(shows_something(seed) for seed in (found, *range(PLANT_SEEDS)))


def shows_something(seed: int) -> bool:
    try:
        return bool(simulate(seed, MEDIA)[0].violations)
    except (AssertionError, KeyError, ValueError):  # a core that noticed by itself
        return True
