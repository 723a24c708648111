"""Bugs that the simulation of several replicas finds, each a change to the real code."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from coordinator.cluster.cell import lodging
from coordinator.cluster.cell.lodging import Lodging
from coordinator.cluster.edge import hearing, legs, reclaiming
from coordinator.cluster.edge.journey import Journey
from coordinator.cluster.edge.journeys import Journeys
from coordinator.cluster.protocol.ids import ReplicaId
from coordinator.cluster.protocol.messages import Submit
from coordinator.dispatch import effects as says
from coordinator.dispatch.so_far import AttemptSoFar
from coordinator.scheduler.state import Lease
from coordinator.store import replicas
from tools.simulation.cluster.member import Member
from tools.simulation.simulation import simulate

SEEDS = 300

Plant = Callable[[pytest.MonkeyPatch], None]


def wrap(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace a method, or a function, by `around(original, *args)`."""
    original = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *args, **named: around(original, *args, **named))


def the_wait_begins_anew_in_each_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, journey: Journey, cell: ReplicaId, now: float) -> None:
        original(journey, cell, now)
        journey.job.waiting_since = now

    wrap(monkeypatch, Journey, "board", around)


def what_was_taken_is_told_once_and_not_at_a_takeover(monkeypatch: pytest.MonkeyPatch) -> None:
    def boards(original: Any, journey: Journey, cell: ReplicaId, now: float) -> None:
        original(journey, cell, now)
        journey.told = journey.taken

    def rebuilt(original: Any, attempt: AttemptSoFar, lease: Lease, now: float) -> None:
        original(attempt, lease, now)
        lease.taken_seq = 0

    wrap(monkeypatch, Journey, "board", boards)
    wrap(monkeypatch, AttemptSoFar, "put_on", rebuilt)


def a_stall_begins_anew_in_each_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, attempt: AttemptSoFar, lease: Lease, now: float) -> None:
        original(attempt, lease, now)
        lease.last_progress_at = now

    wrap(monkeypatch, AttemptSoFar, "put_on", around)


def a_crash_is_told_with_the_next_placement(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, effect: says.JobEvent, *rest: Any) -> Any:
        return None if isinstance(effect, says.Queued) else original(effect, *rest)

    wrap(monkeypatch, lodging, "event_of", around)


def a_takeover_is_no_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, journey: Journey, now: float) -> None:
        failures = journey.job.failures
        original(journey, now)
        journey.job.failures = failures

    wrap(monkeypatch, Journey, "leave", around)
    monkeypatch.setattr(legs, "tried_enough", lambda job, limits: False)


def the_worker_is_acknowledged_before_the_client_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, self: Lodging, effects: list[says.Effect], now: float) -> Any:
        out = original(self, effects, now)
        for effect in effects:
            if isinstance(effect, says.Deliver) and self.has(effect.job):
                out += self._acknowledge(effect.job, effect.delta.attempt, effect.delta.seq + 1, now)
        return out

    wrap(monkeypatch, Lodging, "pass_on", around)


def an_old_leg_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def current(table: Journeys, cell: ReplicaId, job: str, leg: int, now: float) -> Journey | None:
        journey = table.jobs.get(job)
        if journey is not None:
            journey.heard_at = now
        return journey

    monkeypatch.setattr(hearing, "_current", current)


def the_leg_is_not_raised_at_a_reclaim(monkeypatch: pytest.MonkeyPatch) -> None:
    reclaims: list[bool] = []

    def reclaim(original: Any, *args: Any) -> Any:
        reclaims.append(True)
        kept = original(*args)
        reclaims.pop()
        return kept

    def board(original: Any, journey: Journey, cell: ReplicaId, now: float) -> None:
        original(journey, cell, now)
        journey.job.legs -= len(reclaims)

    wrap(monkeypatch, reclaiming, "reclaim", reclaim)
    wrap(monkeypatch, Journey, "board", board)


def it_goes_on_elsewhere_without_its_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    def around(original: Any, journey: Journey, now: float) -> Submit:
        submit: Submit = original(journey, now)
        return replace(submit, so_far=replace(submit.so_far, delivered=()))

    wrap(monkeypatch, Journey, "submit", around)


def holds_are_swept_by_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever beat last so long ago is dead, though nobody could beat meanwhile."""
    clock, last = [0.0], dict[str, float]()

    def on_time(original: Any, member: Member) -> None:
        clock[0] = member._world.timeline.now
        original(member)

    def beat(original: Any, connection: Any, identity: replicas.Identity) -> None:
        original(connection, identity)
        last[identity.owner] = clock[0]

    def look(self: replicas.Stillness, found: dict[str, int]) -> dict[str, int]:
        still_s = replicas.STILL * replicas.BEAT_S
        return {replica: beat for replica, beat in found.items() if clock[0] - last.get(replica, clock[0]) >= still_s}

    wrap(monkeypatch, Member, "_beat", on_time)
    wrap(monkeypatch, replicas, "beat", beat)
    monkeypatch.setattr(replicas.Stillness, "look", look)


# The number is the seed that found it last.
PLANTS: list[tuple[Plant, int]] = [
    (the_wait_begins_anew_in_each_cell, 81),
    (what_was_taken_is_told_once_and_not_at_a_takeover, 32),
    (a_stall_begins_anew_in_each_cell, 135),
    (a_crash_is_told_with_the_next_placement, 37),
    (a_takeover_is_no_attempt, 148),
    (the_worker_is_acknowledged_before_the_client_has_it, 2),
    (an_old_leg_counts, 91),
    (the_leg_is_not_raised_at_a_reclaim, 36),
    (it_goes_on_elsewhere_without_its_tokens, 0),
    (holds_are_swept_by_the_wall_clock, 57),
]


@pytest.mark.parametrize(("plant", "found"), PLANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_planted_bug_is_found(plant: Plant, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the seed that found it last, where nothing is wrong without it; if that shows nothing any more, by the
    search of all."""
    assert not shows_something(found)
    plant(monkeypatch)
    assert any(shows_something(seed) for seed in (found, *range(SEEDS)))


def shows_something(seed: int) -> bool:
    try:
        return bool(simulate(seed, "cluster")[0].violations)
    except (AssertionError, KeyError, ValueError):  # a core that noticed by itself
        return True
