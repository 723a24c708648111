"""Every message is read as it was said; nothing else is read as anything."""

import random
from dataclasses import replace
from typing import get_args

import pytest

from coordinator.artefact import Artefact
from coordinator.cluster.protocol import codec, messages, news
from coordinator.cluster.protocol.messages import MAX_MESSAGE_BYTES, Message
from coordinator.cluster.protocol.unreadable import Unreadable
from coordinator.dispatch.overview import ModelStock
from coordinator.dispatch.so_far import AttemptSoFar, SoFar, Tried
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.work import PromptCount
from tests.coordinator.cluster.samples import JOB, REQUEST, SPEC, delta, placed
from wire.errors import ErrorCode, SupernetError
from wire.media import GenerateImage, MediaRequest

FILES = {"a" * 64: b"\x00\n\xff{}", "b" * 64: b""}
SEEING = JobSpec(JOB, "client", "m", REQUEST, 7, 9.5, 2.0, "s", None, "key", PromptCount(12, True), FILES, "x", True)
MAKING = replace(SPEC, request=MediaRequest(make=GenerateImage(prompt="x", width=64, height=64, steps=4)))
ATTEMPT = AttemptSoFar(2, "o/w", "i", True, 7, 3, 1, ((1, 1), (2, 1)), 3, 99, 1, 1, "denoising", 40, 9.0, 8.0, 7.0, 6.0)
SO_FAR = SoFar(Tried(starts=2, avoid=(("o/w", "i"),)), (1, 2, 3), (("o/w", 3),), "o/w", 7, legs=2, attempt=ATTEMPT)
ANSWER = (placed(), messages.Accepted(1, 7), messages.Step(delta("ab")))
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
    messages.Events(((JOB, 1, 0, placed()), (JOB, 1, 1, messages.Step(delta("ab"))))),
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


@pytest.mark.parametrize("message", SAID, ids=lambda message: type(message).__name__)
def test_a_message_is_read_as_it_was_said(message: Message) -> None:
    assert codec.decode(codec.encode(message)) == message


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
