"""One `llmJobRequest` -> the same job as a chat completion, by the readers of coordinator/openai.

Its fields are those of a chat completion, under snake_case or camelCase names, beside the job's id and labels of the
calling application. One job has one answer.
"""

import re
from collections.abc import Mapping
from typing import Any

from coordinator.openai.chat_request import read
from coordinator.openai.field_table import ACCEPTED, LIMITED
from coordinator.openai.fields import Fields
from coordinator.openai.json_body import Json, load
from coordinator.request import ChatJob
from coordinator.sogni.answer import CLOSE, OPEN
from coordinator.sogni.frames import MAX_DATA_BYTES
from wire.catalog import Catalog
from wire.errors import invalid

JOB_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_LABEL = "a label of the calling application; nothing depends on it"
_LABELS = (
    "workload_kind",
    "agent_framework",
    "agent_framework_version",
    "agent_surface",
    "agent_surface_version",
    "execution_mode",
    "operation_scope",
    "operation_id",
    "root_operation_id",
    "parent_operation_id",
)
_FRAMES = "these frames have no place for it: use POST /v1/chat/completions"


_ACCEPTED = {**ACCEPTED, **dict.fromkeys(_LABELS, _LABEL)}
_LIMITED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    **LIMITED,
    "n": ((1,), "a job has one answer: send several jobs"),
    "logprobs": ((False,), _FRAMES),
    "top_logprobs": ((0,), _FRAMES),
    "stream_options": ((), "the usage of a job comes with its result in any case"),
}


class JobFields(Fields):
    """The fields of a chat completion, with what is the socket's own."""

    accepted = _ACCEPTED
    limited = _LIMITED


def loaded(data: bytes) -> Json:
    """The data of the frame, unread. Raises invalid_request, request_too_large."""
    body = load(data, MAX_DATA_BYTES)
    if not isinstance(body, dict):
        raise invalid("data", "Invalid 'data': expected an object.")
    return body


def job_id(body: Json) -> str:
    """The client's own name of its job. Raises invalid_request."""
    given = body.get("jobID")
    if not isinstance(given, str) or not JOB_ID.fullmatch(given):
        raise invalid("jobID", "Invalid 'jobID': expected 1 to 128 of the characters a-z, A-Z, 0-9 and ._:-")
    return given


def parse(body: Json, data: bytes, catalog: Catalog) -> ChatJob:
    """The job of a body that was read from `data`. Raises SupernetError as chat_request.parse does."""
    given = {name: value for name, value in body.items() if name != "jobID"}
    if given.pop("type", "llm") != "llm":
        raise invalid("type", "Invalid 'type': a job here is of type 'llm'.")
    if isinstance(given.get("messages"), list):
        given["messages"] = [_thought_apart(message) for message in given["messages"]]
    return read(JobFields(given), data, catalog, {})


def _thought_apart(message: Any) -> Any:
    """An earlier answer as `JobTokens` wrote it, with its thought in a field of its own again."""
    if not isinstance(message, dict) or message.get("role") != "assistant" or "reasoning_content" in message:
        return message
    content = message.get("content")
    if not isinstance(content, str) or not content.startswith(OPEN) or CLOSE not in content:
        return message
    thought, _, answer = content.removeprefix(OPEN).partition(CLOSE)
    return {**message, "reasoning_content": thought, "content": answer}
