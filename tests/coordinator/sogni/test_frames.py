"""Frames both ways, and whatever else may come in one."""

import json
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.sogni.frames import MAX_DATA_BYTES, MAX_FRAME_BYTES, MAX_SMALL_BYTES, Said, read, written
from wire.errors import ErrorCode, SupernetError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(st.dictionaries(st.text(), json_values))
def test_what_is_written_is_read_again(data: dict[str, object]) -> None:
    said = read(written("jobTokens", data))
    assert said.type == "jobTokens"
    assert json.loads(said.data) == data


def test_the_largest_data_fits_into_the_largest_frame() -> None:
    frame = json.dumps({"type": "llmJobRequest", "data": b64encode(b" " * MAX_DATA_BYTES).decode()})
    assert len(frame) <= MAX_FRAME_BYTES
    assert len(read(frame).data) == MAX_DATA_BYTES


def test_data_may_be_missing() -> None:
    assert read('{"type":"x"}') == Said("x", b"")
    assert read(b'{"type":"x","data":null,"more":1}').small() is None


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "[]",
        "{}",
        '"llmJobRequest"',
        '{"type":1}',
        '{"type":""}',
        '{"type":"' + "x" * 65 + '"}',
        '{"type":"x","data":{}}',
        '{"type":"x","data":"not base64"}',
        '{"type":"x","data":"YQ"}',
        '{"type":"x","data":"ä"}',
        "[" * 300,
        b"\xff\xfe",
        "\ud800",
        "NaN",
    ],
)
def test_what_is_no_frame_is_refused(frame: str | bytes) -> None:
    with pytest.raises(SupernetError) as caught:
        read(frame)
    assert caught.value.code is ErrorCode.INVALID_REQUEST


def test_a_frame_that_asks_for_no_answer_is_small() -> None:
    with pytest.raises(SupernetError) as caught:
        Said("jobError", b'"' + b"x" * MAX_SMALL_BYTES + b'"').small()
    assert caught.value.code is ErrorCode.REQUEST_TOO_LARGE


@given(st.binary(max_size=64) | st.text(max_size=64))
def test_nothing_but_a_typed_error_comes_of_anything(frame: bytes | str) -> None:
    try:
        read(frame)
    except SupernetError as error:
        assert error.code is ErrorCode.INVALID_REQUEST
