"""Made-up outputs in bulk: nothing raises, no word is lost, nothing is taken back, and no cut makes a difference.

A few in every run; SUPERNET_OUTPUTS=10000 says how many of each format.
"""

import json
import os
from random import Random
from typing import get_args

import pytest

from tests.worker.chat.made_up_outputs import Output, output
from tests.worker.chat.test_answer import Message, add_up, read
from wire.catalog import ChatFormat
from wire.chat import Notice, Part
from worker.chat.answer import Answer

COUNT = int(os.environ.get("SUPERNET_OUTPUTS", "150"))
BATCHES = 10


def outputs(batch: int, format: ChatFormat) -> list[tuple[int, Output]]:
    return [(seed, output(seed, format)) for seed in range(batch, COUNT, BATCHES)]


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("format", get_args(ChatFormat))
def test_made_up_outputs_are_read_without_loss_at_every_cut(format: ChatFormat, batch: int) -> None:
    for seed, made in outputs(batch, format):
        whole = in_bytes(made)
        data = made.text.encode()
        for at in range(len(data) + 1):
            assert read(made.reading, [data[:at], data[at:]]) == whole, (seed, at)
        pieces = _pieces(Random(seed), data)
        assert read(made.reading, pieces) == whole, (seed, pieces)
        for name, arguments in whole.calls:
            assert name in {tool.name for tool in made.reading.tools}
            json.loads(arguments)
        if made.calls is not None:
            assert [(name, json.loads(text)) for name, text in whole.calls] == list(made.calls), seed
            assert whole.finish == ("tool_calls" if made.calls else "stop")


def in_bytes(made: Output) -> Message:
    """The message of an output that comes byte by byte: what was there stays, and every word is in it somewhere."""
    answer = Answer(made.reading)
    parts: list[Part] = []
    seen = Message()
    for byte in made.text.encode():
        if new := answer.push(bytes([byte])):
            parts += new
            before, seen = seen, add_up(parts, "")
            assert seen.content.startswith(before.content) and seen.reasoning.startswith(before.reasoning)
            assert len(seen.calls) >= len(before.calls)
            for now, then in zip(seen.calls, before.calls, strict=False):
                assert now[0] == then[0] and now[1].startswith(then[1])
    last, finish = answer.finish("stop")
    whole = add_up(parts + last, finish)
    if not any(
        isinstance(part, Notice) and "came twice" in part.text for part in parts + last
    ):  # the second is dropped
        everywhere = " ".join((whole.content, whole.reasoning, *(text for _, text in whole.calls)))
        assert [word for word in made.words if word not in everywhere] == [], made.text
    return whole


def _pieces(rng: Random, data: bytes) -> list[bytes]:
    """As tokens come: a few bytes each."""
    pieces = []
    while data:
        size = rng.randint(1, 7)
        pieces.append(data[:size])
        data = data[size:]
    return pieces
