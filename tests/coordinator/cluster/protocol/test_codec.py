"""Every message is read as it was said; nothing else is read as anything."""

import json
import random
from dataclasses import replace
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from coordinator.artefact import Artefact
from coordinator.cluster.protocol import codec, messages, news
from coordinator.cluster.protocol.messages import MAX_EVENTS, MAX_MESSAGE_BYTES, Event, Message
from coordinator.cluster.protocol.unreadable import Unreadable
from coordinator.dispatch.effects import Made, Progressed
from coordinator.dispatch.overview import ModelStock
from coordinator.dispatch.so_far import AttemptSoFar, SoFar, Tried
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.work import PromptCount
from tests.coordinator.cluster.samples import JOB, REQUEST, SPEC, delta, placed
from wire.chat import CallDelta, Content, Notice, Reasoning, Usage
from wire.errors import ErrorCode, SupernetError
from wire.media import GenerateImage, MediaRequest
from wire.messages import Delta, TokenLogprob

FILES = {"a" * 64: b"\x00\n\xff{}", "b" * 64: b""}
SEEING = JobSpec(JOB, "client", "m", REQUEST, 7, 9.5, 2.0, "s", None, "key", PromptCount(12, True), FILES, "x", True)
MAKING = replace(SPEC, request=MediaRequest(make=GenerateImage(prompt="x", width=64, height=64, steps=4)))
ATTEMPT = AttemptSoFar(2, "o/w", "i", True, 7, 3, 1, ((1, 1), (2, 1)), 3, 99, 1, 1, "denoising", 40, 9.0, 8.0, 7.0, 6.0)
SO_FAR = SoFar(Tried(starts=2, avoid=(("o/w", "i"),)), (1, 2, 3), (("o/w", 3),), "o/w", 7, legs=2, attempt=ATTEMPT)
ANSWER = (placed(), messages.Accepted(1, 7), delta("ab"))
ERROR = SupernetError(ErrorCode.QUEUE_FULL, "full", param="model", retry_after_s=3.0)
ARTEFACT = Artefact("x", "0" * 64, "image/png", 9, 0, 1, 64, 64)
SAID: list[Message] = [
    messages.Submit(JOB, 1, SPEC, SoFar()),
    messages.Submit(JOB, 3, SEEING, SO_FAR, ANSWER),
    messages.Submit(JOB, 3, MAKING, SO_FAR),
    messages.Cancel(JOB, 1),
    messages.Release(((JOB, 1),)),
    messages.Taken(((JOB, 1, 2, 1, 2),)),
    messages.Resync(((JOB, 1, 2),), messages.Taken(((JOB, 1, 2, 1, 2),)), True),
    messages.Events(((JOB, 1, 0, placed()), (JOB, 1, 1, delta("ab")))),
    messages.Waits(((JOB, 1, 2, 3.5),)),
    messages.Still(((JOB, 1),)),
    messages.Unknown(((JOB, 1),)),
    messages.Reclaim("o/w", "i", ((JOB, 1, 3),)),
    messages.Reclaimed((messages.Kept(JOB, 2, SEEING, SO_FAR, ANSWER), messages.Kept("k.0.eeeeeeee", 2, SPEC, SO_FAR))),
    messages.Attach(JOB, "client"),
    messages.Attached(),
    messages.Attached(2, SEEING, 9.0),
    messages.Upload(JOB, 1, "token"),
    messages.MayUpload(),
    messages.MayUpload(SPEC),
    messages.Uploaded(JOB, 1, ARTEFACT),
    messages.Counts(True),
    news.Here("o/w", "i", 3.0),
    news.Picture(name="n", models=(ModelStock("m", waiting=1),)),
    news.Looked("{}"),
    news.Bye(),
]

PARTS = (Content(text="a\n\u2028"), Reasoning(text=""), Notice(text="x"), CallDelta(index=3, name="f", arguments="{"))
SEEN = TokenLogprob(bytes=(0, 255), logprob=-0.5, top=(((97,), -0.5), ((), -9.0)))
UNSAYABLE = TokenLogprob(bytes=(), logprob=float("-inf"), top=(((97,), float("nan")), ((), float("inf"))))
EVENTS: list[Event] = [
    placed(),
    placed(worker=None),
    messages.Accepted(2, 7),
    delta("ab", 3, 2),
    Delta(job=JOB, attempt=1, seq=0, tokens=(), parts=PARTS),
    Delta(job=JOB, attempt=1, seq=2**40, tokens=(0, 2**31 - 1), logprobs=(SEEN,)),
    Delta(job=JOB, attempt=1, seq=3, tokens=(5,), logprobs=(UNSAYABLE,)),
    Progressed(JOB, "denoising", 3, 8, "AAAA"),
    Made(JOB, ARTEFACT),
    messages.Ended("finished", 2, Usage(prompt=7, completion=3), finish_reason="length", stop="x"),
    messages.HandedBack(Tried(starts=1), "shed", "dddddddd"),
]


@pytest.mark.parametrize("message", SAID, ids=lambda message: type(message).__name__)
def test_a_message_is_read_as_it_was_said(message: Message) -> None:
    assert codec.decode(codec.encode(message)) == message


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_is_read_as_what_it_was(event: Event) -> None:
    (read,) = codec.decode(codec.encode(messages.Events(((JOB, 3, 2**40, event),)))).items  # type: ignore[union-attr]
    assert read == (JOB, 3, 2**40, event) and type(read[3]) is type(event)


def test_an_error_is_read_as_it_was_said() -> None:
    no = codec.decode(codec.encode(messages.No(JOB, 1, ERROR)))
    assert isinstance(no, messages.No) and vars(no.error) == vars(ERROR)


def test_every_kind_has_a_name_of_its_own() -> None:
    kinds = get_args(Message)
    assert len({kind.__name__ for kind in kinds}) == len(kinds)


def test_the_files_of_a_job_go_as_they_are() -> None:
    data = codec.encode(messages.Submit(JOB, 1, replace(SEEING, blobs={"c" * 64: bytes(range(256)) * 4096}), SoFar()))
    assert len(data) < 1024 * 1024 + 2000


def test_what_a_newer_replica_says_more_is_ignored() -> None:
    assert codec.decode(b'Cancel\n{"job":"j","leg":1,"mood":"fine"}') == messages.Cancel("j", 1)


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\n",
        b"Dance\n{}",
        b"Cancel",
        b"Cancel\n",
        b"Cancel\n[]",
        b"Cancel\n{",
        b'Cancel\n{"job":"j"}',
        b'Cancel\n{"job":"j","leg":0}',
        b'Cancel\n{"job":"' + b"j" * 65 + b'","leg":1}',
        b'Cancel [["x",1]]\n{"job":"j","leg":1}\nx',
        b"\xff\xfe\n{}",
        b'Still\n{"items":' + b"[" * 2**18 + b"]}",
        b"Bye " + b"[" * 100_000 + b"\n{}\n",
        b"x" * (MAX_MESSAGE_BYTES + 1),
        b'Submit [[["a",9]]]\n' + codec.encode(SAID[0]).partition(b"\n")[2] + b"\nshort",
        b'Submit [[["a",-1]]]\n' + codec.encode(SAID[0]).partition(b"\n")[2] + b"\nx",
        b'Submit [[["a",1]],[["b",1]]]\n' + codec.encode(SAID[0]).partition(b"\n")[2] + b"\nxy",
        b"Submit 7\n" + codec.encode(SAID[0]).partition(b"\n")[2] + b"\nx",
    ],
    ids=lambda junk: repr(junk[:24]),
)
def test_junk_is_one_error(junk: bytes) -> None:
    with pytest.raises(Unreadable):
        codec.decode(junk)


def test_no_event_has_all_that_another_one_must_have() -> None:
    """The first kind that fits is the right one."""
    for kind in get_args(Event):
        said = {field for field in TypeAdapter(kind).json_schema()["properties"]}
        for other in set(get_args(Event)) - {kind}:
            assert not said >= set(TypeAdapter(other).json_schema()["required"]), (kind, other)


STEP: list[Any] = ["j", 1, 0, {"job": "j", "attempt": 1, "seq": 0, "tokens": [5]}]


def changed(place: int, value: Any) -> list[Any]:
    return [value if at == place else kept for at, kept in enumerate(STEP)]


@pytest.mark.parametrize(
    "item",
    [
        7,
        [],
        STEP[:3],
        [*STEP, 7],
        changed(0, "a b"),
        changed(0, 7),
        changed(1, 0),
        changed(2, -1),
        changed(3, 7),
    ],
)
def test_what_is_no_event_is_one_error(item: Any) -> None:
    with pytest.raises(Unreadable):
        codec.decode(b"Events\n" + json.dumps({"items": [STEP, item]}).encode())


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"attempt": 0},
        *(STEP[3] | wrong for wrong in ({"attempt": 0}, {"seq": -1}, {"tokens": [2**31]})),
        *(STEP[3] | wrong for wrong in ({"tokens": [5] * 8193}, {"parts": [{"type": "x", "text": "x"}]})),
        {
            "kind": "failed",
            "attempts": 1,
            "usage": {"prompt": 1, "completion": 1},
            "error": ["a new one", "x", None, None],
        },
    ],
)
def test_an_event_that_nobody_knows_takes_no_other_along(event: Any) -> None:
    read = codec.decode(b"Events\n" + json.dumps({"items": [STEP, changed(3, event), STEP]}).encode())
    assert isinstance(read, messages.Events)
    assert [type(one) for *_, one in read.items] == [Delta, messages.Unheard, Delta]


def test_a_new_kind_of_event_says_whether_it_may_be_passed_over() -> None:
    news = {"mood": "fine", "passes": True}
    read = codec.decode(b"Events\n" + json.dumps({"items": [changed(3, news)]}).encode())
    assert read == messages.Events((("j", 1, 0, messages.Unheard(passes=True)),))


def test_nor_are_too_many() -> None:
    with pytest.raises(Unreadable):
        codec.decode(b"Events\n" + json.dumps({"items": [STEP] * (MAX_EVENTS + 1)}).encode())


def test_bytes_that_were_changed_on_the_way_are_read_or_refused() -> None:
    chance = random.Random(7)
    for message in SAID:
        data = bytearray(codec.encode(message))
        for _ in range(40):
            changed = bytearray(data)
            for _ in range(chance.randint(1, 3)):
                changed[chance.randrange(len(changed))] = chance.randrange(256)
            try:
                codec.decode(bytes(changed[: chance.randint(0, len(changed))]))
            except Unreadable as error:
                assert len(str(error)) < 200
