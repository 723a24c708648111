import json
from typing import Any

import pytest

from coordinator.artefact import Artefact
from coordinator.cluster.protocol.events_codec import events_in, events_out
from coordinator.cluster.protocol.messages import MAX_EVENTS, Accepted, Ended, Event, Events, HandedBack, Step
from coordinator.cluster.protocol.unreadable import Unreadable
from coordinator.dispatch.effects import Made, Progressed
from coordinator.dispatch.so_far import Tried
from tests.coordinator.cluster.samples import JOB, delta, placed
from wire.chat import CallDelta, Content, Notice, Reasoning, Usage
from wire.messages import Delta, TokenLogprob

PARTS = (
    Content(text="a\n\u2028\ud800"),
    Reasoning(text=""),
    Notice(text="x"),
    CallDelta(index=3, name="f", arguments="{"),
)
SEEN = TokenLogprob(bytes=(0, 255), logprob=-0.5, top=(((97,), -0.5), ((), -9.0)))
SAID: list[Event] = [
    placed(),
    placed(worker=None),
    Accepted(2, 7),
    Step(delta("ab", 3, 2)),
    Step(Delta(job=JOB, attempt=1, seq=0, tokens=(), parts=PARTS)),
    Step(Delta(job=JOB, attempt=1, seq=2**40, tokens=(0, 2**31 - 1), logprobs=(SEEN,))),
    Progressed(JOB, "denoising", 3, 8, "AAAA"),
    Made(JOB, Artefact("x", "0" * 64, "image/png", 9, 0, 1)),
    Ended("finished", 2, Usage(prompt=7, completion=3), finish_reason="length", stop="x"),
    HandedBack(Tried(starts=1), "shed", "dddddddd"),
]


@pytest.mark.parametrize("event", SAID, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_it_was_said(event: Event) -> None:
    events = Events(((JOB, 3, 2**40, event),))
    assert events_in(events_out(events)) == events


def test_a_step_takes_little() -> None:
    assert len(events_out(Events(((JOB, 1, 9, Step(delta("a"))),)))) < len(JOB) + 40


def test_a_newer_replica_may_say_more_of_an_event() -> None:
    assert events_in(b'[["j",1,0,1,0,[5],[["c","x","more"]],[],"more"]]') == Events(
        (("j", 1, 0, Step(Delta(job="j", attempt=1, seq=0, tokens=(5,), parts=(Content(text="x"),)))),)
    )


STEP: list[Any] = ["j", 1, 0, 1, 0, [5], [["c", "x"]]]


def changed(place: int, value: Any) -> list[Any]:
    return [value if at == place else kept for at, kept in enumerate(STEP)]


@pytest.mark.parametrize(
    "item",
    [
        7,
        [],
        STEP[:6],
        changed(0, "a b"),
        changed(0, 7),
        changed(1, 0),
        changed(1, True),
        changed(2, -1),
        changed(2, 2**53),
        changed(3, 0),
        changed(3, 1.5),
        changed(3, "Dance"),
        changed(3, "Accepted"),
        changed(4, "0"),
        changed(5, 7),
        changed(5, [2**31]),
        changed(5, [True]),
        changed(5, [5] * 8193),
        changed(6, [["x", "y"]]),
        changed(6, [["c", 7]]),
        changed(6, [["c"]]),
        changed(6, [[[], "x"]]),
        changed(6, [["t", "x", 1024, None]]),
        changed(6, [["t", "x", 0, 7]]),
        changed(6, [["t", "x"]]),
        changed(6, [["c", "x"]] * 4097),
        [*STEP, [[[97], -0.5, []]] * 2],
        [*STEP, [[[256], -0.5, []]]],
        [*STEP, 7],
    ],
)
def test_what_is_no_event_is_one_error(item: Any) -> None:
    with pytest.raises(Unreadable):
        events_in(json.dumps([item]).encode())


@pytest.mark.parametrize("data", [b"", b"{}", b"[", b"[" * 100_000, json.dumps([STEP] * (MAX_EVENTS + 1)).encode()])
def test_nor_is_anything_but_a_list_of_so_many(data: bytes) -> None:
    with pytest.raises(Unreadable):
        events_in(data)
