"""What an engine says of itself."""

from worker.engine.child.counters import PULSE_S, Counters
from worker.engine.child.eyes import Eyes
from worker.engine.port import EngineSpec


def test_a_pulse_is_due_after_a_while_and_not_again_at_once() -> None:
    counters = Counters(pulsed=10.0)
    assert not counters.due(10.0 + PULSE_S / 2)
    assert counters.due(10.0 + PULSE_S)
    assert not counters.due(10.0 + PULSE_S)


def test_a_pulse_has_what_was_counted_in_milliseconds() -> None:
    counters = Counters(pulsed=0.0, steps=3, prompt_tokens=7, stall_s=0.25, stepped_s=2.0)
    eyes = Eyes(None, EngineSpec("", slots=1, context=512), lambda: 0.0, lambda: None)
    eyes.encoded, eyes.encode_s = 4, 0.5
    pulse = counters.pulse(busy=1, waiting=2, inside_s=1.5, eyes=eyes)
    assert (pulse.busy, pulse.waiting, pulse.steps, pulse.prompt_tokens) == (1, 2, 3, 7)
    assert (pulse.longest_stall_ms, pulse.step_ms, pulse.llama_ms) == (250.0, 2000.0, 1500.0)
    assert (pulse.encodes, pulse.encode_ms, pulse.kept_pictures) == (4, 500.0, 0)
