"""The union of requests: what is of no kind is a chat, and an unknown kind is read as far as it can be refused."""

import json
from typing import Any

import pytest

from wire import codec
from wire.chat import ChatRequest, Message
from wire.errors import ErrorCode, SupernetError
from wire.messages import Start
from wire.request import UnknownRequest

CHAT = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=3)
START = Start(job="j.0", attempt=2, model="m", request=CHAT, seed=1)


def frame(**changes: Any) -> str:
    """The Start with other fields in its request; None: without the field."""
    start = json.loads(codec.encode(START))
    start["request"] |= changes
    start["request"] = {name: value for name, value in start["request"].items() if value is not None}
    return json.dumps(start)


def test_a_request_of_no_kind_is_a_chat_as_coordinators_of_before_send_it() -> None:
    assert codec.to_worker(frame(kind=None)) == codec.to_worker(frame()) == START


def test_a_chat_says_its_kind_which_workers_of_before_do_not_read() -> None:
    assert json.loads(codec.encode(START))["request"]["kind"] == "chat"


def test_a_request_of_an_unknown_kind_still_names_its_job() -> None:
    start = codec.to_worker(frame(kind="sculpture", messages={"a": "block of marble"}))
    assert start == START.model_copy(update={"request": UnknownRequest(kind="sculpture")})


@pytest.mark.parametrize(
    "changes", [{"messages": "hello"}, {"max_tokens": 0}, {"kind": 7}, {"kind": ["chat"]}, {"kind": "x" * 65}]
)
def test_a_request_that_cannot_be_read_is_an_invalid_frame(changes: dict[str, Any]) -> None:
    with pytest.raises(SupernetError, match=f"request.*{next(iter(changes))}") as raised:
        codec.to_worker(frame(**changes))
    assert raised.value.code is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize("request_", ["hello", None, 7, []])
def test_a_request_that_is_no_object_is_an_invalid_frame(request_: object) -> None:
    start = json.loads(codec.encode(START)) | {"request": request_}
    with pytest.raises(SupernetError, match="request"):
        codec.to_worker(json.dumps(start))
