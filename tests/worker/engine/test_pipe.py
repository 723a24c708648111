"""What goes into a line comes out of it, and nothing else comes out of a line."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.samplings import FULL, PLAIN
from tests.thoroughness import at_most
from wire.errors import ErrorCode
from worker.engine.constraint import Constraint, ReasoningLimit
from worker.engine.pipe import FROM_ENGINE, TO_ENGINE
from worker.engine.port import (
    Cancel,
    Continue,
    Down,
    Ended,
    EngineSpec,
    JobUsage,
    Loading,
    Pause,
    Picture,
    Placed,
    Pulse,
    Ready,
    Stepped,
    Submit,
    Token,
)
from worker.subprocesses.codec import Codec, Garbled

MESSAGES: list[tuple[Codec[Any], object]] = [
    (
        TO_ENGINE,
        EngineSpec("a b/ü.gguf", 4, 8192, devices=("CUDA0@0000:01:00.0", "Vulkan1"), kv_type="q8_0", gpu_layers=-1),
    ),
    (TO_ENGINE, Submit("j.1", tuple(range(5000)), 10, PLAIN, 2**63 - 1)),
    (
        TO_ENGINE,
        Submit(
            "j",
            (1,),
            10,
            FULL,
            0,
            delivered=(7, 8),
            anchors=(1,),
            constraint=Constraint('start: "\\n" /[^"\\\\]/', after=5),
            reasoning=ReasoningLimit(100, 1, 2, (3, 4), True),
            ignore_eos=True,
        ),
    ),
    (TO_ENGINE, Picture("f" * 64, 1024, 1024, bytes(range(256)) * 12288)),
    (TO_ENGINE, Submit("j", (1,) * 9, 10, PLAIN, 0, pictures=(Placed(1, 2, 3, "f" * 64),))),
    (TO_ENGINE, Cancel("j")),
    (TO_ENGINE, Pause("j")),
    (TO_ENGINE, Continue("j")),
    (FROM_ENGINE, Loading(0.25)),
    (FROM_ENGINE, Ready(4, 8192, 248320)),
    (FROM_ENGINE, Stepped((Token("j", 5, b"\xff\n\x00", float("-inf"), ((b"", -1.5), (b"\xf0", float("-inf")))),))),
    (FROM_ENGINE, Ended("j", "failed", JobUsage(1, 2, 3, 0.5, 1.5, 2.5), ErrorCode.ENGINE_ERROR, "why\nnot")),
    (FROM_ENGINE, Pulse(1, 2, 3, 4, 5, 6, 3, 7.5)),
    (FROM_ENGINE, Down("gone", ("a", "b"), "a", 0.5)),
]


@pytest.mark.parametrize(("codec", "message"), MESSAGES, ids=lambda value: type(value).__name__)
def test_every_message_survives_the_pipe_as_one_line(codec: Codec[Any], message: object) -> None:
    line = codec.encode(message)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    back = codec.decode(line)
    assert back == message and type(back) is type(message)


TOKENS = st.builds(
    Token,
    job=st.text(),
    id=st.integers(0, 2**31 - 1),
    piece=st.binary(),
    logprob=st.none() | st.floats(allow_nan=False),
    top=st.lists(st.tuples(st.binary(), st.floats(allow_nan=False))).map(tuple),
)


@settings(max_examples=at_most(50), deadline=None)
@given(st.lists(TOKENS, max_size=5).map(tuple))
def test_any_token_survives(tokens: tuple[Token, ...]) -> None:
    assert FROM_ENGINE.decode(FROM_ENGINE.encode(Stepped(tokens))) == Stepped(tokens)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"llama_decode: failed\n",
        b"Stepped\n",
        b"Stepped {}\n",
        b"Stepped [{}]\n",
        b'Stepped [{"tokens": [{"job": "j", "id": "5", "piece": ""}]}]\n',  # text for a number
        b'Stepped [{"tokens": [{"job": "j", "id": 5, "piece": "*"}]}]\n',  # no base64
        b'Ended [{"job": "j", "reason": "bored"}]\n',
        b'Loading [{"fraction": 0.5}, {"fraction": 0.6}]\n',
        b'Submit [{"job": "j"}]\n',  # the other direction
        b'Pulse [{"busy": ' + b"[" * 100_000 + b"\n",
        b"\xff\xfe\x00 [1]\n",
        b"cos\nsystem\n(S'true'\ntR.",  # a pickle
    ],
)
def test_what_is_no_event_is_garbled(line: bytes) -> None:
    with pytest.raises(Garbled):
        FROM_ENGINE.decode(line)


@settings(max_examples=at_most(200), deadline=None)
@given(st.sampled_from([b"", b"Stepped ", b"Ended ", b"Down ", b"Ready "]), st.binary(max_size=100))
def test_no_bytes_raise_anything_else(head: bytes, rest: bytes) -> None:
    try:
        FROM_ENGINE.decode(head + rest)
    except Garbled:
        pass
