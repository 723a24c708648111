"""The proof that no answer is lost: 300 seeds without a violation, and the same seeds find every bug that is planted.

A failure names its seed; `scripts/simulate --seed S --trace` shows it again, event by event.
"""

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from coordinator.dispatch import jobs
from coordinator.dispatch.dispatch import Dispatch
from coordinator.dispatch.effects import Deliver
from coordinator.dispatch.frames import Frames
from coordinator.dispatch.health_check import Trial
from coordinator.dispatch.jobs import Jobs
from coordinator.dispatch.membership import Attendance
from coordinator.dispatch.poison import PoisonList
from coordinator.scheduler.fleet import Fleet
from coordinator.scheduler.quarantine import Probation
from coordinator.scheduler.state import Lease
from tools.simulation.__main__ import main
from tools.simulation.simulation import simulate
from tools.simulation.world import MODES, Mode
from wire.messages import Ack, Delta, Start
from worker.engine import port
from worker.session.attempt import Attempt
from worker.session.session import Session
from worker.session.slots import Slots

SEEDS = 300
PLANT_SEEDS = 1500  # the search ends with the first that shows the bug; rare ones take hundreds
BLOCK = 50

Plant = Callable[[pytest.MonkeyPatch], None]


def digest(seed: int) -> str:
    return simulate(seed)[0].digest


BLOCKS = [pytest.param(first, marks=pytest.mark.search if first else ()) for first in range(0, SEEDS, BLOCK)]


@pytest.mark.parametrize("first", BLOCKS)
def test_every_promise_holds_whatever_goes_wrong(first: int) -> None:
    for seed in range(first, first + BLOCK):
        outcome, _ = simulate(seed)
        assert not outcome.violations, f"scripts/simulate --seed {seed} --trace"
        assert outcome.jobs > 0 and outcome.strikes + outcome.finished > 0


def test_a_seed_has_one_history_in_this_process_and_in_another() -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as other:  # its hashes of str differ
        for seed in range(6):
            assert digest(seed) == digest(seed) == other.submit(digest, seed).result()
    assert len({digest(seed) for seed in range(6)}) == 6


def test_the_command_names_the_seed_that_failed_and_how_to_see_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["simulate", "--first", "7", "--seeds", "2", "--jobs", "1"])
    assert main() == 0
    replay_begins_one_too_late(monkeypatch)
    monkeypatch.setattr("sys.argv", ["simulate", "--first", "2", "--seeds", "1", "--jobs", "1"])
    assert main() == 1
    assert "scripts/simulate --seed 2 --trace" in capsys.readouterr().out


# ---- planted bugs --------------------------------------------------------------------------------------------------


def wrap(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, around: Callable[..., Any]) -> None:
    """Replace a method by `around(original, self, *args)`."""
    original = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda self, *args, **named: around(original, self, *args, **named))


def sent_counts_as_arrived(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, session: Session, message: Any) -> Any:
        effects = original(session, message)
        for attempt in session.attempts.values() if effects else ():
            attempt.acknowledge(attempt.next_seq)
        return effects

    wrap(monkeypatch, Session, "_send", around)


def acknowledged_before_the_client_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, lease: Lease, seq: int, tokens: int, now: float) -> None:
        original(lease, seq, tokens, now)
        lease.taken_seq = seq + 1

    wrap(monkeypatch, Lease, "received", around)


def the_slot_is_free_when_the_cancel_is_sent_to_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, session: Session, key: Any) -> Any:
        effects = original(session, key)
        for served in session.models.values():
            served.slots.release(key)
        return effects

    wrap(monkeypatch, Session, "_cancel", around)
    monkeypatch.setattr(Slots, "release", lambda slots, key: slots._held.discard(key))


def the_lease_ends_when_the_cancel_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Jobs, worker: Any, lease: Any, now: float) -> None:
        original(self, worker, lease, now)
        self.fleet.release(lease)

    wrap(monkeypatch, Jobs, "cancel_lease", around)


def attempt_numbers_are_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Frames, worker: Any, frame: Any, now: float) -> None:
        job = self._jobs.all.get(frame.job)
        if job is not None and job.lease is not None and job.lease.worker == worker.key:
            frame = frame.model_copy(update={"attempt": job.lease.attempt})
        original(self, worker, frame, now)

    wrap(monkeypatch, Frames, "_job_frame", around)


def replay_begins_one_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    wrap(monkeypatch, Session, "_replay", lambda original, self, attempt, seq: original(self, attempt, seq + 1))


def repeated_frames_are_delivered_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Frames, worker: Any, frame: Any, now: float) -> None:
        lease = worker.leases.get((frame.job, frame.attempt))
        if lease is not None and isinstance(frame, Delta) and frame.seq < lease.next_seq:
            self._jobs.emit(Deliver(frame.job, frame, 0))
        original(self, worker, frame, now)

    wrap(monkeypatch, Frames, "_job_frame", around)


def last_words_are_told_before_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Frames, worker: Any, lease: Lease, delta: Delta, now: float) -> None:
        original(self, worker, lease, delta, now)
        job = self._jobs.current(lease)
        if job is not None and lease.last_words is not None:
            lease.last_words = None
            self._deliver(job, lease, delta, now)

    wrap(monkeypatch, Frames, "_delta", around)


def a_lost_welcome_loses_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Fleet, worker: Any, *args: Any) -> None:
        original(self, worker, *args)
        self.settled(worker)

    wrap(monkeypatch, Fleet, "reattach", around)


def acks_that_were_lost_are_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Attendance, lease: Lease, now: float) -> None:
        acked = lease.acked_seq
        original(self, lease, now)
        lease.acked_seq = acked

    wrap(monkeypatch, Attendance, "_resumed", around)


def a_paused_job_never_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Session, attempt: Attempt) -> Any:
        return [e for e in original(self, attempt) if not isinstance(e.command, port.Continue)]

    wrap(monkeypatch, Session, "_flow", around)


def a_move_starts_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "Start", lambda **fields: Start(**(fields | {"delivered": ()})))


def silence_is_never_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dispatch, "_watch", lambda self, worker, lease, now: None)


def a_job_is_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "_tried_enough", lambda self, job: False)


def a_rested_worker_serves_without_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Probation, worker: str) -> bool:
        rest = self._rests.get(worker)
        return bool(original(self, worker)) or (rest is not None and rest.test is not None)

    wrap(monkeypatch, Probation, "may_serve", around)


def a_lost_test_is_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trial, "_watch", lambda self, key, lease, now: None)


def poison_is_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PoisonList, "block", lambda self, spec, now: None)


def ends_are_not_acknowledged(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Frames, worker: Any, frame: Any, now: float) -> None:
        send = self._jobs.send
        monkeypatch.setattr(self._jobs, "send", lambda to, what: None if isinstance(what, Ack) else send(to, what))
        original(self, worker, frame, now)
        monkeypatch.setattr(self._jobs, "send", send)

    wrap(monkeypatch, Frames, "_job_frame", around)


# Each is looked for in the worlds of one mode, where it shows; the number is the seed that found it last.
PLANTS: list[tuple[Plant, Mode, int]] = [
    (sent_counts_as_arrived, "safety", 0),
    (acknowledged_before_the_client_has_it, "liveness", 1),
    (the_slot_is_free_when_the_cancel_is_sent_to_the_engine, "safety", 0),
    (the_lease_ends_when_the_cancel_is_sent, "safety", 0),
    (attempt_numbers_are_not_looked_at, "safety", 165),
    (replay_begins_one_too_late, "cuts", 2),
    (repeated_frames_are_delivered_again, "safety", 18),
    (last_words_are_told_before_the_end, "liveness", 91),
    (a_lost_welcome_loses_the_session, "cuts", 92),
    (acks_that_were_lost_are_not_repeated, "safety", 21),
    (a_paused_job_never_goes_on, "liveness", 1),
    (a_move_starts_from_the_beginning, "liveness", 1),
    (silence_is_never_noticed, "safety", 216),
    (a_job_is_tried_for_ever, "safety", 24),
    (ends_are_not_acknowledged, "safety", 0),
    (a_rested_worker_serves_without_a_test, "safety", 6),
    (a_lost_test_is_waited_for_for_ever, "safety", 99),
    (poison_is_not_remembered, "safety", 48),
]


@pytest.mark.parametrize(("plant", "mode", "found"), PLANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_planted_bug_is_found(plant: Plant, mode: Mode, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the seed that found it last; where that shows nothing any more, by the search of all."""
    plant(monkeypatch)
    assert any(shows_something(seed) for seed in (found, *range(MODES.index(mode), PLANT_SEEDS, len(MODES))))


def shows_something(seed: int) -> bool:
    try:
        return bool(simulate(seed)[0].violations)
    except (AssertionError, KeyError, ValueError):  # a core that noticed by itself
        return True
