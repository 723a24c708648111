"""Requests of the SDKs' socket: what they sent, read into jobs, and what is refused."""

import json
from typing import Any

import pytest

from coordinator.openai import chat_request
from coordinator.request import ChatJob
from coordinator.sogni.answer import CLOSE, OPEN
from coordinator.sogni.request import job_id, loaded, parse
from tools.compat.fields import as_bytes, catalog
from tools.compat.recorded import JOBS, RECORDED_JOBS, load
from wire.errors import SupernetError

HELLO = [{"role": "user", "content": "hi"}]
ASKED = {"jobID": "A-1", "type": "llm", "model": "one", "messages": HELLO}


def asked(**fields: Any) -> ChatJob:
    data = as_bytes({**ASKED, **fields})
    return parse(loaded(data), data, catalog())


def as_chat(**fields: Any) -> ChatJob:
    return chat_request.parse(as_bytes({"model": "one", "messages": HELLO, **fields}), catalog(), {})


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ({}, {}),
        ({"stream": True, "max_tokens": 9}, {"stream": True, "max_tokens": 9}),
        ({"taskProfile": "coding"}, {"task_profile": "coding"}),
        ({"tokenType": "spark"}, {"token_type": "spark"}),
        ({"appSource": "app", "billingMode": "auto", "safeContentFilter": False}, {}),
        ({"chat_template_kwargs": {"enable_thinking": False}}, {"enable_thinking": False}),
        ({"temperature": 0.1, "top_p": 0.2, "top_k": 3, "min_p": 0.4}, None),
        ({"repetition_penalty": 1.1, "frequency_penalty": 0.1, "presence_penalty": 0.2, "stop": ["x"]}, None),
        ({"tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"}, None),
        ({"response_format": {"type": "json_object"}}, None),
        ({"sogni_tools": False, "sogni_tool_execution": False}, None),
        ({"operationId": "o", "rootOperationId": "o", "operationScope": "top_level", "workloadKind": "chat"}, {}),
    ],
)
def test_a_job_is_that_of_a_chat_completion(theirs: dict[str, Any], ours: dict[str, Any] | None) -> None:
    assert asked(**theirs) == as_chat(**(theirs if ours is None else ours))


def test_a_thought_that_was_shown_between_tags_is_taken_out_again() -> None:
    shown = {"role": "assistant", "content": f"{OPEN}well{CLOSE}hello"}
    apart = {"role": "assistant", "content": "hello", "reasoning_content": "well"}
    assert asked(messages=[*HELLO, shown, *HELLO]) == as_chat(messages=[*HELLO, apart, *HELLO])
    others: list[dict[str, Any]] = [
        {"role": "assistant", "content": f"say {OPEN}well{CLOSE}"},
        {"role": "assistant", "content": f"{OPEN}never closed"},
        {"role": "user", "content": f"{OPEN}mine{CLOSE}"},
        {"role": "assistant", "content": None, "tool_calls": []},
    ]
    for other in others:
        assert asked(messages=[*HELLO, other, *HELLO]) == as_chat(messages=[*HELLO, other, *HELLO])


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"type": "image"}, "type"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"billingMode": "subscription"}, "billing_mode"),
        ({"wish": 1}, "wish"),
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"model": 5}, "model"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"tools": {"a": 1}}, "tools"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(SupernetError) as caught:
        asked(**fields)
    assert caught.value.param == param


@pytest.mark.parametrize("id", [None, 1, "", "a b", "x" * 129, ["A"], "ä", 'A"'])
def test_a_job_has_a_name_that_can_be_said_again(id: Any) -> None:
    with pytest.raises(SupernetError) as caught:
        job_id({"jobID": id})
    assert caught.value.param == "jobID"
    assert job_id({"jobID": "0C1D-4_a.b:c"}) == "0C1D-4_a.b:c"


@pytest.mark.parametrize("data", [b"", b"[]", b"1", b"{", b'{"a":' + b"[" * 70 + b"]" * 70 + b"}", b'{"a":1e999}'])
def test_data_is_an_object_within_bounds(data: bytes) -> None:
    with pytest.raises(SupernetError):
        loaded(data)
    assert loaded(json.dumps(ASKED).encode()) == ASKED


def test_what_both_sdks_sent_is_taken_whole() -> None:
    """Recorded by scripts/compat, without their words."""
    sources, requests = load(RECORDED_JOBS)
    assert set(sources) == {"sogni-node", "sogni-python"}
    sent = {name for request in requests for name in request.body}
    assert {"jobID", "type", "messages", "tools", "stream", "taskProfile", "chat_template_kwargs", "top_k"} <= sent
    for request in requests:
        assert request.path == JOBS
        data = as_bytes({**request.body, "model": "one"})
        body = loaded(data)
        assert job_id(body)
        assert parse(body, data, catalog()).stream == request.body.get("stream", False)
