"""A line names its fault and never its content, and is bounded on both sides."""

from typing import Any

import pytest
from pydantic import ValidationError

from wire.chat import Sampling
from worker.engine.pipe import FROM_ENGINE, TO_ENGINE
from worker.engine.port import Cancel, Stepped, Submit, Token
from worker.preparer.pipe import FROM_PREPARER, TO_PREPARER
from worker.subprocesses.codec import Codec, Garbled


def test_the_error_names_the_field_and_never_the_value() -> None:
    with pytest.raises(Garbled) as caught:
        TO_ENGINE.decode(b'Cancel [{"job": ["a secret prompt"]}]\n')
    assert "job" in str(caught.value) and "secret" not in str(caught.value)


def test_a_line_over_the_limit_is_refused_on_both_sides() -> None:
    small: Codec[Cancel] = Codec(40, Cancel)
    fits, over = Cancel("x" * 15), Cancel("x" * 30)
    assert small.decode(small.encode(fits)) == fits
    with pytest.raises(Garbled, match="limit is 40"):
        small.encode(over)
    with pytest.raises(Garbled, match="limit is 40"):
        small.decode(Codec[Cancel](1000, Cancel).encode(over))


@pytest.mark.parametrize(
    ("codec", "line"),
    [
        (FROM_ENGINE, b'Stepped [{"tokens":[#]}]'),
        (FROM_ENGINE, b'Stepped [{"tokens":[{"job":"j","id":1,"piece":"","top":[#]}]}]'),
        (FROM_ENGINE, b'Down [{"message":"","jobs":[#]}]'),
        (TO_ENGINE, b'Submit [{"job":"j","prompt":[#],"delivered":[#],"anchors":[#]}]'),
        (TO_PREPARER, b'Prepare [{"delivered":[#],"request":{"messages":[#],"tools":[#],"max_tokens":1}}]'),
        (FROM_PREPARER, b'Prepared [{"prompt":[#],"anchors":[#],"delivered_pieces":[#],"reading":{"tools":[#]}}]'),
    ],
)
def test_a_garbled_line_is_read_to_its_first_faults_however_many_it_has(codec: Codec[Any], line: bytes) -> None:
    """Each fault is an object with a path: a line of 4 MB with a million of them held the daemon for 12 s."""
    name, _, body = line.replace(b"#", b",".join([b"null"] * 100)).partition(b" ")
    with pytest.raises(ValidationError) as caught:
        codec._readers[name.decode()].validate_json(body)
    assert caught.value.error_count() < 20
    with pytest.raises(Garbled):
        codec.decode(name + b" " + body)


def test_a_line_that_holds_too_much_is_garbled_unread() -> None:
    with pytest.raises(Garbled, match="lists and objects"):
        FROM_PREPARER.decode(b'Opened [{"nobody_knows":[' + b"[]," * 300_000 + b"[]]}]")


def test_the_longest_prompt_and_step_are_within_the_bounds() -> None:
    submit = Submit("j", tuple(range(262_144)), 1, Sampling(), 1, delivered=(1,) * 262_144)
    assert TO_ENGINE.decode(TO_ENGINE.encode(submit)) == submit
    token = Token("j", 1, b"\xff" * 8, -1.0, tuple((b"\xff" * 8, -2.0) for _ in range(20)))
    step = Stepped((token,) * 256)
    assert FROM_ENGINE.decode(FROM_ENGINE.encode(step)) == step
