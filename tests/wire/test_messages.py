"""Every frame: it survives the wire, its bounds hold, and the other version's extra fields do no harm."""

import json
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from wire import codec
from wire.blobs import Blob, Need, Wanted
from wire.chat import CallDelta, ChatRequest, Content, Message, Notice, Reasoning, Sampling, Tool, ToolCall, Usage
from wire.earnings import Earnings
from wire.errors import ErrorCode, SupernetError
from wire.handed_catalog import HandedCatalog
from wire.idle import Idle
from wire.media import GenerateImage, MediaRequest, Progress, Upload
from wire.messages import (
    TO_COORDINATOR,
    TO_WORKER,
    Accepted,
    Ack,
    AckItem,
    Cancel,
    Cancelled,
    Capacity,
    Delta,
    Deltas,
    Done,
    Drain,
    Draining,
    Error,
    Failed,
    Hello,
    Issue,
    KeptJob,
    Move,
    Refused,
    Resume,
    RunningJob,
    Start,
    ToCoordinator,
    TokenLogprob,
    ToWorker,
    Welcome,
)
from wire.offers import Gpu, Hardware, ModelOffer, ModelState, SpeedPoint

REQUEST = ChatRequest(
    messages=(
        Message(role="system", content="be brief"),
        Message(
            role="assistant",
            reasoning="hm",
            tool_calls=(ToolCall(id="c1", name="add", arguments='{"a": null}'),),
        ),
        Message(role="tool", content="\u0000 😀 \u2028", tool_call_id="c1"),
    ),
    tools=(Tool(name="add", parameters={"type": "object", "properties": {"a": {"default": None}}}),),
    tool_choice="name:add",
    json_schema={"enum": [None, 1], "default": None},
    reasoning_budget=0,
    max_tokens=16,
    stop=("\n",),
    sampling=Sampling(temperature=0.0, logit_bias=((5, -100.0),), top_logprobs=0),
)
OFFER = ModelOffer(
    id="m", context=4096, slots=4, speed=(SpeedPoint(streams=1, decode_tps=10, prefill_tps=100, ttft_ms=50),)
)
PARTS = (Reasoning(text="a"), Content(text="b"), CallDelta(index=0, name="add"), Notice(text="odd"))
DRAWING = MediaRequest(make=GenerateImage(prompt="a fish", width=64, height=64, steps=4))
FROM_WORKER: list[BaseModel] = [
    Hello(
        worker="w-1",
        instance="i-1",
        hardware=Hardware(gpus=(Gpu(name="RTX", memory_bytes=24 << 30),)),
        models=(OFFER,),
        resume=Resume(session="s", jobs=(RunningJob(job="j", attempt=1, next_seq=7),)),
    ),
    Capacity(models=(ModelState(id="m", status="ready", slots=4, free=0),)),
    Accepted(job="j", attempt=1),
    Refused(job="j", attempt=1, code=ErrorCode.WORKER_BUSY, message="full", param="model", retry_after_s=0.5),
    Deltas(
        items=(
            Delta(
                job="j",
                attempt=2,
                seq=0,
                tokens=(1, 2),
                parts=PARTS,
                logprobs=(TokenLogprob(bytes=(240, 159), logprob=-0.5, top=(((97,), -1.0),)),),
            ),
        )
    ),
    Done(job="j", attempt=1, seq=3, finish_reason="tool_calls", usage=Usage(prompt=3, cached=1, completion=2)),
    Failed(job="j", attempt=1, seq=1, code=ErrorCode.ENGINE_CRASHED, message="gone", retryable=True),
    Cancelled(job="j", attempt=1, seq=9, usage=Usage(prompt=1, completion=0)),
    Draining(deadline_s=120.0),
    Issue(code="disk-full", severity="error", message="no space", remedy="free some", active=False),
    Need(job="j", attempt=1, files=(Wanted(sha256="ab" * 32, offset=3),)),
    Progress(job="j", attempt=1, stage="denoising", step=3, steps=8, preview="AAAA"),
    Error(code=ErrorCode.PROTOCOL_ERROR, message="what?"),
]
FROM_COORDINATOR: list[BaseModel] = [
    Welcome(session="s", kept=(KeptJob(job="j", attempt=1, next_seq=4),)),
    Start(job="j", attempt=1, model="m", request=REQUEST, seed=2**63 - 1, delivered=(5, 6)),
    Start(job="j", attempt=2, model="m", request=DRAWING, seed=1, upload=Upload(token="t" * 43, limit_bytes=99)),
    Cancel(job="j", attempt=1),
    Ack(items=(AckItem(job="j", attempt=1, next_seq=3),)),
    Drain(deadline_s=60.0),
    Move(after_s=1.5, url="wss://elsewhere"),
    Earnings(escrow_nano=2**62, available_nano=5, today_nano=0),
    Idle(code="no_demand", message="Nobody asks for m now.", remedy="Serve another."),
    HandedCatalog(text='{"default":"m","models":[]}'),
    Blob(sha256="ab" * 32, offset=3, size_bytes=6, data="AAAA"),
    Error(code=ErrorCode.FRAME_TOO_LARGE, message="too much"),
]


def members(union: Any) -> set[type[BaseModel]]:
    return set(get_args(get_args(union)[0]))


def test_the_examples_cover_every_frame_of_both_directions() -> None:
    assert {type(frame) for frame in FROM_WORKER} == members(ToCoordinator)
    assert {type(frame) for frame in FROM_COORDINATOR} == members(ToWorker)


@pytest.mark.parametrize("frame", FROM_WORKER, ids=lambda frame: type(frame).__name__)
def test_a_frame_to_the_coordinator_survives_the_wire(frame: BaseModel) -> None:
    assert codec.to_coordinator(codec.encode(frame)) == frame


@pytest.mark.parametrize("frame", FROM_COORDINATOR, ids=lambda frame: type(frame).__name__)
def test_a_frame_to_the_worker_survives_the_wire(frame: BaseModel) -> None:
    assert codec.to_worker(codec.encode(frame)) == frame


@pytest.mark.parametrize("frame", [*FROM_WORKER, *FROM_COORDINATOR], ids=lambda frame: type(frame).__name__)
def test_a_frame_cannot_be_changed_once_made(frame: BaseModel) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        frame.type = "other"  # type: ignore[attr-defined]


def with_extras(value: Any) -> Any:
    """The same JSON with an unknown field in every object: what a newer version may send."""
    if isinstance(value, dict):
        return {**{key: with_extras(item) for key, item in value.items()}, "from_the_future": {"x": 1}}
    return [with_extras(item) for item in value] if isinstance(value, list) else value


def test_unknown_fields_of_a_newer_version_are_ignored_at_every_depth() -> None:
    for frame in FROM_WORKER:
        text = json.dumps(with_extras(json.loads(codec.encode(frame))))
        assert codec.to_coordinator(text) == frame
    for frame in FROM_COORDINATOR:
        if not isinstance(frame, Start):  # a tool's JSON schema is free-form: there an extra field is content
            assert codec.to_worker(json.dumps(with_extras(json.loads(codec.encode(frame))))) == frame


def test_missing_fields_of_an_older_version_take_their_defaults() -> None:
    hello = TO_COORDINATOR.validate_json('{"type":"hello","worker":"w","instance":"i","models":[]}')
    assert isinstance(hello, Hello)
    assert (hello.resume, hello.hardware.gpus, hello.version) == (None, (), "")
    welcome = TO_WORKER.validate_json('{"type":"welcome","session":"s"}')
    assert isinstance(welcome, Welcome)
    assert welcome.heartbeat_s > 0 and welcome.window_tokens > 0


@pytest.mark.parametrize(
    "make",
    [
        lambda: Hello(worker="w", instance="i", models=(OFFER,) * 33),
        lambda: Refused(job="j", attempt=1, code=ErrorCode.WORKER_BUSY, message="", param="x" * 4097),
        lambda: Start(job="j", attempt=1, model="m", request=REQUEST, seed=2**63),
        lambda: Start(job="j", attempt=0, model="m", request=REQUEST, seed=0),
        lambda: Usage(prompt=-1, completion=0),
        lambda: Welcome(session="s", window_tokens=0),
        lambda: Delta(job="j", attempt=1, seq=0, tokens=(-1,)),
        lambda: Delta(job="j", attempt=1, seq=0, tokens=(2**31,)),
        lambda: Delta(job="j", attempt=1, seq=-1),
        lambda: Accepted(job="j", attempt=0),
        lambda: TokenLogprob(bytes=(1,), logprob=0.0, top=(((1,), 0.0),) * 21),
        lambda: CallDelta(index=-1),
        lambda: Sampling(logit_bias=((1, 101.0),)),
        lambda: Sampling(logit_bias=((-1, 1.0),)),
    ],
)
def test_numbers_and_lengths_outside_their_bounds_are_refused(make: Any) -> None:
    with pytest.raises(ValidationError):
        make()


@pytest.mark.parametrize("number", ["Infinity", "NaN", "1e999", "-1", "9" * 400], ids=lambda text: text[:8])
@pytest.mark.parametrize(
    "frame",
    [
        """{"type":"hello","worker":"w","instance":"i","models":[{"id":"m","context":1,"slots":1,"speed":[
           {"streams":1,"decode_tps":#,"prefill_tps":1,"ttft_ms":1}]}]}""",
        """{"type":"hello","worker":"w","instance":"i","models":[{"id":"m","context":1,"slots":1,"speed":[
           {"streams":#,"decode_tps":1,"prefill_tps":1,"ttft_ms":1}]}]}""",
        '{"type":"hello","worker":"w","instance":"i","models":[{"id":"m","context":#,"slots":1}]}',
        '{"type":"done","job":"j","attempt":1,"seq":0,"finish_reason":"stop","usage":{"prompt":#,"completion":1}}',
        """{"type":"done","job":"j","attempt":1,"seq":0,"finish_reason":"stop","usage":{"prompt":1,"completion":1},
           "timings":{"queued_ms":#}}""",
        '{"type":"done","job":"j","attempt":1,"seq":#,"finish_reason":"stop","usage":{"prompt":1,"completion":1}}',
        '{"type":"refused","job":"j","attempt":1,"code":"worker_busy","message":"","retry_after_s":#}',
        '{"type":"draining","deadline_s":#}',
    ],
)
def test_no_number_of_a_worker_is_infinite_negative_or_beyond_all_measure(frame: str, number: str) -> None:
    codec.to_coordinator(frame.replace("#", "1"))
    with pytest.raises(SupernetError, match="invalid frame"):
        codec.to_coordinator(frame.replace("#", number))


@pytest.mark.parametrize("number", ["Infinity", "NaN", "-1", "9" * 400], ids=lambda text: text[:8])
@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"move","after_s":#}',
        '{"type":"drain","deadline_s":#}',
        '{"type":"welcome","session":"s","resume_window_s":#}',
        '{"type":"welcome","session":"s","window_tokens":#}',
        '{"type":"start","job":"j","attempt":#,"model":"m","request":{"messages":[],"max_tokens":1},"seed":1}',
        '{"type":"start","job":"j","attempt":1,"model":"m","request":{"messages":[],"max_tokens":#},"seed":1}',
        """{"type":"start","job":"j","attempt":1,"model":"m","request":{"messages":[],"max_tokens":1},"seed":1,
           "delivered":[#]}""",
    ],
)
def test_no_number_of_a_coordinator_is_infinite_negative_or_beyond_all_measure(frame: str, number: str) -> None:
    codec.to_worker(frame.replace("#", "1"))
    with pytest.raises(SupernetError, match="invalid frame"):
        codec.to_worker(frame.replace("#", number))


@pytest.mark.parametrize(
    ("said", "read"), [("-Infinity", -9999.0), ("NaN", -9999.0), ("-1e9", -9999.0), ("Infinity", 0.0), ("1e-9", 0.0)]
)
def test_a_logprob_is_read_as_one_that_any_json_can_say(said: str, read: float) -> None:
    logprob = f'{{"bytes":[],"logprob":{said},"top":[[[],{said}]]}}'
    frame = codec.to_coordinator(
        f'{{"type":"deltas","items":[{{"job":"j","attempt":1,"seq":0,"logprobs":[{logprob}]}}]}}'
    )
    assert isinstance(frame, Deltas)
    assert frame.items[0].logprobs == (TokenLogprob(bytes=(), logprob=read, top=(((), read),)),)


def test_the_discriminators_of_one_direction_are_distinct() -> None:
    for union in (ToCoordinator, ToWorker):
        tags = [member.model_fields["type"].default for member in members(union)]
        assert len(tags) == len(set(tags))
