"""How far an encode gets in a step; with a clock that the test moves."""

import threading
import time
from collections.abc import Callable

import pytest

from worker.engine.child.gate import Gate

SHARE_S = 1.0
PATIENCE_S = 30.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    gate = Gate(SHARE_S, clock)
    gate.begin()
    return gate


def wanted() -> bool:
    return True


class Layer:
    """A call of `passes` in a thread of its own."""

    def __init__(self, gate: Gate, wanted: Callable[[], bool] = wanted) -> None:
        self.found: list[bool] = []
        self._thread = threading.Thread(target=lambda: self.found.append(gate.passes(wanted)), daemon=True)
        self._thread.start()

    def waits(self) -> bool:
        self._thread.join(0.05)
        return self._thread.is_alive()

    def result(self) -> bool:
        self._thread.join(PATIENCE_S)
        return self.found[0]


def test_without_streams_the_encoder_computes_as_it_likes(gate: Gate, clock: Clock) -> None:
    for _ in range(10):
        clock.now += 5 * SHARE_S
        assert gate.passes(wanted)


def test_beside_streams_it_computes_its_share_of_a_step_and_waits_for_the_next(gate: Gate, clock: Clock) -> None:
    gate.turn(streams=True)
    for _ in range(3):
        clock.now += 0.3 * SHARE_S
        assert gate.passes(wanted)
    clock.now += 0.3 * SHARE_S
    layer = Layer(gate)
    assert layer.waits()
    gate.turn(streams=True)
    assert layer.result()


def test_a_layer_that_takes_longer_than_the_share_is_still_one_a_step(gate: Gate, clock: Clock) -> None:
    for _ in range(3):
        gate.turn(streams=True)
        clock.now += 7 * SHARE_S
        layer = Layer(gate)
        assert layer.waits()
        gate.turn(streams=True)
        assert layer.result()


def test_what_it_waited_is_not_counted(gate: Gate, clock: Clock) -> None:
    gate.turn(streams=True)
    clock.now += 2 * SHARE_S
    layer = Layer(gate)
    assert layer.waits()
    clock.now += 100 * SHARE_S
    gate.turn(streams=True)
    assert layer.result()
    clock.now += 0.9 * SHARE_S
    assert gate.passes(wanted)


def test_the_last_stream_to_end_opens_it(gate: Gate, clock: Clock) -> None:
    gate.turn(streams=True)
    clock.now += 2 * SHARE_S
    layer = Layer(gate)
    assert layer.waits()
    gate.turn(streams=False)
    assert layer.result()


def test_an_encode_that_nobody_wants_ends_where_it_waits(gate: Gate, clock: Clock) -> None:
    needed = threading.Event()
    needed.set()
    gate.turn(streams=True)
    clock.now += 2 * SHARE_S
    layer = Layer(gate, needed.is_set)
    assert layer.waits()
    needed.clear()
    gate.wake()
    assert not layer.result()


def test_nobody_has_to_open_it_for_a_limit_to_be_seen(
    gate: Gate, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.engine.child.gate.PATIENCE_S", 0.01)
    until = time.monotonic() + 0.1
    gate.turn(streams=True)
    clock.now += 2 * SHARE_S
    assert not gate.passes(lambda: time.monotonic() < until)
