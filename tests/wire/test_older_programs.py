"""Programs of an older commit and those of this one understand each other: its frames, recorded in a run, and what it
understands, kept as JSON Schema.

The record stays as it is until a release raises the protocol's number (CONTRIBUTING.md).
tests/e2e/test_older_programs.py runs the programs themselves.
"""

import json
from typing import Any

import pytest

from tests.wire.older_programs import kinds, misunderstood, recorded
from tests.wire.test_messages import FROM_COORDINATOR, FROM_WORKER
from wire import codec

DECODE = {"to_coordinator": codec.to_coordinator, "to_worker": codec.to_worker}
EXAMPLES = {"to_coordinator": FROM_WORKER, "to_worker": FROM_COORDINATOR}
Json = Any

both = pytest.mark.parametrize("direction", DECODE)


def has_all(new: Json, old: Json) -> bool:
    """Whether all of `old` is at the same place in `new`, which may have more fields."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(name in new and has_all(new[name], value) for name, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(new) == len(old) and all(map(has_all, new, old))
    return type(new) is type(old) and bool(new == old)


@both
def test_every_kind_of_frame_was_recorded(direction: str) -> None:
    assert {json.loads(frame)["type"] for frame in recorded(direction)} == kinds(direction)


@both
def test_an_older_frame_is_understood_and_would_be_sent_again_with_all_that_is_in_it(direction: str) -> None:
    """Decoded to other values, or sent under another name, something of it would be missing."""
    for frame in recorded(direction):
        again = json.loads(codec.encode(DECODE[direction](frame)))
        assert has_all(again, json.loads(frame)), f"{frame}\nbecame\n{again}"
        assert not misunderstood(direction, again)


@both
def test_every_frame_of_this_commit_is_one_that_the_older_program_understands(direction: str) -> None:
    """But a Start for media: none is sent to a worker that has offered no media, as older ones cannot."""
    for example in EXAMPLES[direction]:
        frame = json.loads(codec.encode(example))
        if frame["type"] in kinds(direction) and frame.get("request", {}).get("kind") != "media":
            assert not misunderstood(direction, frame)


def test_the_schema_refuses_what_the_older_program_refused() -> None:
    """Else it would hold nothing."""
    start = next(json.loads(frame) for frame in recorded("to_worker") if '"start"' in frame)
    assert not misunderstood("to_worker", start)
    assert misunderstood("to_worker", {**start, "request": {"chat": start["request"]}})
    assert misunderstood("to_worker", {**start, "type": "begin"})
    assert misunderstood("to_worker", {**start, "attempt": 0})


def test_a_value_that_moved_or_changed_is_missed() -> None:
    assert has_all({"a": [1], "b": 2}, {"a": [1]})
    assert not has_all({"a": [1, 2]}, {"a": [1]})
    assert not has_all({"b": 1}, {"a": 1})
    assert not has_all({"a": 1.0}, {"a": 1})
