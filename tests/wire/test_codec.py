"""Frames as text: what is wrong comes out as one error that says where, and never what the client had written."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from wire import codec
from wire.chat import MAX_MESSAGES, ChatRequest, Content, Message, Tool, ToolCall
from wire.errors import ErrorCode, SupernetError
from wire.fixed_tool import FixedTool
from wire.messages import (
    MAX_ACKS,
    MAX_DELIVERED,
    TO_COORDINATOR,
    TO_WORKER,
    Ack,
    AckItem,
    Cancel,
    Delta,
    Deltas,
    Hello,
    Resume,
    RunningJob,
    Start,
    TokenLogprob,
)
from wire.offers import ModelOffer, SpeedPoint

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


def lists(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each list of any length in a schema of pydantic's core, with the field that it is in."""
    waiting = [("", schema)]
    while waiting:
        where, node = waiting.pop()
        if isinstance(node, dict):
            unbounded_tuple = node.get("type") == "tuple" and "variadic_item_index" in node
            if unbounded_tuple or node.get("type") in ("list", "set", "frozenset"):
                yield where, node
            waiting += [(key if isinstance(value, dict) else where, value) for key, value in node.items()]
        elif isinstance(node, list | tuple):
            waiting += [(where, value) for value in node]


@pytest.mark.parametrize("adapter", [TO_COORDINATOR, TO_WORKER])
def test_every_list_of_every_frame_has_a_bound_and_stops_at_its_first_fault(adapter: TypeAdapter[Any]) -> None:
    found = list(lists(adapter.core_schema))
    assert len(found) > 5
    assert [where for where, node in found if not node.get("fail_fast") or not node.get("max_length")] == []


@pytest.mark.parametrize(
    ("adapter", "frame"),
    [
        (TO_COORDINATOR, '{"type":"deltas","items":[#]}'),
        (TO_COORDINATOR, '{"type":"deltas","items":[{"job":"j","attempt":1,"seq":0,"parts":[#]}]}'),
        (TO_COORDINATOR, '{"type":"deltas","items":[{"job":"j","attempt":1,"seq":0,"tokens":[#]}]}'),
        (TO_COORDINATOR, '{"type":"hello","worker":"w","instance":"i","models":[#],"features":[#]}'),
        (TO_WORKER, '{"type":"ack","items":[#]}'),
        (TO_WORKER, '{"type":"start","delivered":[#],"request":{"messages":[#],"tools":[#],"stop":[#]}}'),
    ],
)
def test_an_invalid_frame_is_read_to_its_first_faults_however_many_it_has(
    adapter: TypeAdapter[Any], frame: str
) -> None:
    """Each error is an object with a path: 340,000 of them took 10 s and a gigabyte."""
    with pytest.raises(ValidationError) as caught:
        adapter.validate_json(frame.replace("#", ",".join(["{}"] * 30)))
    assert caught.value.error_count() <= 16


@pytest.mark.parametrize(
    ("decode", "frame"),
    [
        (codec.to_coordinator, '{"type":"capacity","nobody_knows":[' + "{}," * 40_000 + "{}]}"),
        (codec.to_coordinator, '{"type":"capacity","nobody_knows":[' + "1," * 300_000 + "1]}"),
        (codec.to_worker, '{"type":"drain","deadline_s":1,"nobody_knows":[' + "[]," * 140_000 + "[]]}"),
        (codec.to_worker, start(nobody_knows=[0] * 700_000)),
        (codec.to_coordinator, '{"type":"draining","deadline_s":1,"nobody_knows":"' + "x" * 70_000 + '"}'),
        (codec.to_worker, '{"type":"drain","deadline_s":1,"nobody_knows":"' + "x" * 1_100_000 + '"}'),
    ],
)
def test_a_frame_that_holds_too_much_is_too_large_whoever_knows_its_fields(decode: Any, frame: str) -> None:
    with pytest.raises(SupernetError) as caught:
        decode(frame)
    assert caught.value.code is ErrorCode.FRAME_TOO_LARGE


def test_the_largest_step_of_a_worker_is_within_the_bounds() -> None:
    """256 slots, each with 20 alternatives of four bytes."""
    top = tuple(((240, 159, 152, 128), -1.5) for _ in range(20))
    logprob = TokenLogprob(bytes=(240, 159, 152, 128), logprob=-0.25, top=top)
    items = tuple(
        Delta(job=f"j{n}", attempt=1, seq=n, tokens=(n,), parts=(Content(text="x"),), logprobs=(logprob,))
        for n in range(256)
    )
    assert codec.to_coordinator(codec.encode(Deltas(items=items))) == Deltas(items=items)


def test_the_largest_hello_and_ack_are_within_the_bounds() -> None:
    speed = tuple(SpeedPoint(streams=1, decode_tps=1, prefill_tps=1, ttft_ms=1) for _ in range(16))
    offers = tuple(ModelOffer(id=f"model-{n}", context=1, slots=8, speed=speed) for n in range(32))
    resume = Resume(session="s", jobs=tuple(RunningJob(job=f"{n:032}", attempt=1, next_seq=n) for n in range(256)))
    hello = codec.encode(Hello(worker="w", instance="i", models=offers, resume=resume))
    assert len(hello) < codec.MAX_BEFORE_WELCOME_BYTES
    assert isinstance(codec.to_coordinator(hello), Hello)
    ack = codec.encode(Ack(items=tuple(AckItem(job=f"{n:032}", attempt=1, next_seq=n) for n in range(MAX_ACKS))))
    assert isinstance(codec.to_worker(ack), Ack)


def test_the_largest_conversation_and_its_tokens_fit_into_a_start() -> None:
    """What the coordinator takes of a client, a worker takes of the coordinator."""
    calls = tuple(ToolCall(id=f"c{n}", name="f", arguments='{"a":[1,2]}') for n in range(9))
    messages = tuple(Message(role="assistant", content="x" * 1400, tool_calls=calls) for _ in range(MAX_MESSAGES))
    request = ChatRequest(messages=messages, max_tokens=1)
    frame = Start(job="j", attempt=1, model="m", request=request, seed=0, delivered=(100_000,) * MAX_DELIVERED)
    assert codec.to_worker(codec.encode(frame)) == frame


@pytest.mark.parametrize("kind", [Tool, FixedTool])
def test_tools_come_as_they_were_declared_whatever_the_texts_around_them_say(kind: type[Tool]) -> None:
    parameters = {"type": "object", "properties": {"é": {"enum": [None, 1.5, '"tools":[]']}}, "required": []}
    tools = (kind(name="a", description='"request":{', parameters=parameters), kind(name="b", strict=True))
    request = ChatRequest(messages=(Message(role="user", content='"request":{"tools":['),), tools=tools, max_tokens=5)
    start = Start(job="j.0", attempt=1, model="m", request=request, seed=3, delivered=(1, 2))
    for _ in range(2):  # what was kept is the same
        heard = codec.to_worker(codec.encode(start))
        assert heard.model_dump() == start.model_dump()
