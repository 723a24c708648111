"""Each reason why a worker has no jobs, and that no other person's name is in any."""

from typing import Any

import pytest

from coordinator.dashboard.idle import Network, Why, why_idle
from coordinator.dashboard.snapshots import ReplicaSnapshot, WorkerSnapshot
from tests.coordinator.dashboard.test_view import worker
from wire.messages import Issue
from wire.offers import ModelOffer, SpeedPoint


def serving(
    model: str = "m", cells: str = "..", tps: float | None = 50.0, context: int = 4096, tokens: int = 9
) -> tuple[ReplicaSnapshot, ...]:
    points = () if tps is None else (SpeedPoint(streams=1, decode_tps=tps, prefill_tps=1, ttft_ms=1),)
    offer = ModelOffer(id=model, context=context, slots=len(cells) or 1, speed=points)
    return (ReplicaSnapshot(offer, "ready", cells, 0.0, tokens),)


def mine(**more: Any) -> WorkerSnapshot:
    return worker("acc_me", "attic", **{"status": "ready", "replicas": serving(), **more})


def other(**more: Any) -> WorkerSnapshot:
    return worker("acc_secret", "secret-name", **{"replicas": serving(cells="ss"), **more})


def why(
    one: WorkerSnapshot,
    *others: WorkerSnapshot,
    waiting: dict[str, int] | None = None,
    refused: dict[str, int] | None = None,
) -> Why:
    found = why_idle(one, Network([one, *others], waiting or {}, refused or {}))
    assert found is not None
    assert "secret" not in f"{found.message} {found.remedy}", "it names nobody"
    return found


HOT = Issue(code="too_hot", severity="info", message="GPU has 84 °C, the ceiling is 80 °C", remedy="Nothing.")
SCHEDULE = Issue(code="off_schedule", severity="info", message="outside of 22:00-06:00; opens 22:00")


@pytest.mark.parametrize(
    ("status", "more", "code", "words"),
    [
        ("away", {}, "away", "not connected"),
        ("resting", {"order": "rest", "order_note": ": heat"}, "ordered", "gives it none: heat."),
        ("draining", {}, "draining", "about to leave"),
        ("resting", {"rest_s": 12.4}, "resting", "in 12 s it is tested"),
        ("resting", {"rest_s": 0.0}, "resting", "now it is tested"),
        ("loading", {}, "loading", "still being loaded"),
        ("down", {}, "not_ready", "its engine is down"),
        ("down", {"replicas": ()}, "not_in_catalog", "no model of it any more"),
        ("paused", {"issues": (HOT,)}, "too_hot", "GPU has 84 °C"),
        ("paused", {"issues": (SCHEDULE,)}, "off_schedule", "opens 22:00"),
        ("paused", {}, "no_slots", "offers no slots"),
    ],
)
def test_it_takes_none(status: str, more: dict[str, Any], code: str, words: str) -> None:
    found = why(mine(status=status, **more), other(), waiting={"m": 3})
    assert found.code == code and words in found.message


def test_a_worker_with_jobs_has_no_reason() -> None:
    assert why_idle(mine(status="busy", replicas=serving(cells="s.")), Network([], {}, {})) is None


def test_nobody_asks_for_its_model_and_others_are_wanted() -> None:
    found = why(mine(), waiting={"big": 4, "m": 0}, refused={"big": 12, "small": 30})
    assert found.code == "others_wanted"
    assert "small: 0 waiting, 30 refused in 24 hours; big: 4 waiting, 12 refused in 24 hours" in found.message
    assert why(mine(), refused={"m": 5}).code == "no_demand", "its own model is what it serves"
    assert "Nobody asks for m" in why(mine()).message


def test_requests_wait_that_it_may_not_have() -> None:
    found = why(mine(), other(replicas=serving(context=32_768)), waiting={"m": 1})
    assert found.code == "cannot_serve" and "1 request waits for m" in found.message
    assert "4,096 tokens (others have 32,768)" in found.message and "--context" in found.remedy
    assert why(mine(), waiting={"m": 2}).remedy == ""


def test_a_new_owner_waits_for_its_first_jobs() -> None:
    new = mine(proven=False, replicas=serving(tokens=0))
    assert why(new, other()).code == "probation"
    assert why(mine(proven=False, held_back=True), other(), waiting={"m": 9}).code == "probation"
    assert why(mine(proven=False), other()).code == "enough_workers", "it had jobs already"


def test_others_are_quicker() -> None:
    found = why(mine(replicas=serving(tps=20.0)), other(), other(replicas=serving(cells="s", tps=70.0)))
    assert found.code == "slower"
    assert "served by 2 others now, with 60 tokens a second for one chat where this one has 20" in found.message
    unmeasured = why(mine(replicas=serving(tps=None)), other())
    assert (unmeasured.code, "--benchmark" in unmeasured.remedy) == ("not_measured", True)


def test_there_are_more_slots_than_requests() -> None:
    assert why(mine(), other()).code == "enough_workers"
    two = mine(replicas=(*serving("m"), *serving("n")))
    assert "n is served by 1 other" in why(two, other(replicas=serving("n", "s"))).message
