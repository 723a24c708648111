"""Frames as text: what is wrong comes out as one error that says where, and never what the client had written."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire import codec
from wire.chat import ChatRequest, Message, Tool
from wire.errors import ErrorCode, SupernetError
from wire.messages import Cancel, Delta, Deltas, Hello, Start

SECRET = "my-secret-prompt"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def start(**changes: object) -> str:
    request = ChatRequest(messages=(Message(role="user", content=SECRET),), max_tokens=4)
    frame = json.loads(codec.encode(Start(job="j", attempt=1, model="m", request=request, seed=1)))
    return json.dumps({**frame, **changes})


@pytest.mark.parametrize(
    ("frame", "where"),
    [
        ('{"type":"' + SECRET + '"}', ""),
        ('{"job":"' + SECRET + '"}', ""),
        ("{" + SECRET, ""),
        ("", ""),
        ("null", ""),
        ("[]", ""),
        (start(attempt=SECRET), "attempt"),
        (start(request=SECRET), "request"),
        (start(delivered=[1, SECRET]), "delivered.1"),
        (start(model=SECRET + "/../x"), "model"),
        (start(request={"messages": [{"role": SECRET}], "max_tokens": 1}), "messages.0.role"),
        (start(request={"messages": [{"role": "user", "content": {SECRET: 1}}], "max_tokens": 1}), "messages.0"),
    ],
)
def test_a_bad_frame_is_refused_by_place_and_never_by_value(frame: str, where: str) -> None:
    with pytest.raises(SupernetError) as caught:
        codec.to_worker(frame)
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR
    assert where in caught.value.message
    assert SECRET not in caught.value.message
    assert caught.value.__cause__ is None and caught.value.__suppress_context__  # a traceback would print the value


@given(JSON)
def test_any_json_at_all_is_either_a_frame_or_one_protocol_error(value: object) -> None:
    for decode in (codec.to_worker, codec.to_coordinator):
        try:
            decode(json.dumps(value))
        except SupernetError as error:
            assert error.code is ErrorCode.PROTOCOL_ERROR


def test_a_frame_of_the_other_direction_is_refused() -> None:
    cancel = codec.encode(Cancel(job="j", attempt=1))
    assert codec.to_worker(cancel) == Cancel(job="j", attempt=1)
    with pytest.raises(SupernetError, match="type"):
        codec.to_coordinator(cancel)


def test_binary_is_refused_with_what_to_send_instead() -> None:
    with pytest.raises(SupernetError, match="text frames") as caught:
        codec.to_worker(b'{"type":"drain","deadline_s":1}')
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("decode", "limit"),
    [
        (codec.to_coordinator, codec.MAX_TO_COORDINATOR_BYTES),
        (codec.to_worker, codec.MAX_TO_WORKER_BYTES),
    ],
)
def test_a_frame_over_the_limit_is_refused_unread_and_one_at_the_limit_is_read(decode: object, limit: int) -> None:
    assert callable(decode)
    with pytest.raises(SupernetError) as caught:
        decode("[" * (limit + 1))
    assert caught.value.code is ErrorCode.FRAME_TOO_LARGE
    assert str(limit) in caught.value.message
    with pytest.raises(SupernetError) as caught:
        decode(" " * limit)
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


def test_deep_nesting_is_an_error_and_not_a_crash() -> None:
    with pytest.raises(SupernetError):
        codec.to_worker(start().replace('"max_tokens": 4', '"json_schema": ' + "[" * 100_000))


def test_absent_options_cost_no_bytes() -> None:
    text = codec.encode(Hello(worker="w", instance="i", models=()))
    assert "resume" not in text and "null" not in text


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_nulls_inside_a_json_schema_survive_although_absent_options_are_left_out(schema: dict[str, object]) -> None:
    schema = {**schema, "default": None, "enum": [None, {"deep": None}]}
    request = ChatRequest(
        messages=(Message(role="user", content="x"),),
        tools=(Tool(name="t", parameters=schema),),
        json_schema=schema,
        max_tokens=1,
    )
    frame = Start(job="j", attempt=1, model="m", request=request, seed=0)
    assert codec.to_worker(codec.encode(frame)) == frame


@given(st.text())
def test_any_text_survives_unchanged(text: str) -> None:
    request = ChatRequest(messages=(Message(role="user", content=text),), max_tokens=1)
    frame = Start(job="j", attempt=1, model="m", request=request, seed=0)
    assert codec.to_worker(codec.encode(frame)) == frame


def test_one_frame_carries_the_deltas_of_many_jobs_in_order() -> None:
    frame = Deltas(items=tuple(Delta(job=f"j{n}", attempt=1, seq=n, tokens=(n,)) for n in range(64)))
    assert codec.to_coordinator(codec.encode(frame)) == frame
