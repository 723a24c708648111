"""The fields of `POST /v1/messages` that have no effect here, that may only have one value, or that are refused.

The method is that of coordinator/openai/fields.py: nothing is accepted and ignored unless it is on a list with its
reason.
"""

from collections.abc import Mapping
from typing import Any

from coordinator.openai.field_table import PICTURE_OF_A_TOOL
from coordinator.openai.fields import Fields

_BLOCK = "messages[].content[]"
_RESULT = f"{_BLOCK}.content[]"  # inside of a tool_result
_FOUND = (f"{_RESULT}.content[]", _RESULT)  # inside of a search_result, in a tool_result or beside it
_CACHED = ("cache_control", *(f"{at}.cache_control" for at in ("system[]", _BLOCK, *_FOUND)))

ACCEPTED: Mapping[str, str] = {
    **{place: "a prefix is cached in any case" for place in (*_CACHED, "tools[].cache_control")},
    **{
        f"{_BLOCK}.tool.definition.{name}": "as of a tool in 'tools'"
        for name in ("cache_control", "eager_input_streaming", "input_examples", "defer_loading")
    },
    **{
        f"{place}.allowed_callers": "no code runs here that could call a tool: the model is offered it in any case"
        for place in ("tools[]", f"{_BLOCK}.tool.definition")
    },
    f"{_BLOCK}.caller": "who made an earlier call, the model or a program of its: its result is shown in any case",
    **{f"{place}.citations": "marks for display, not text" for place in ("system[]", _BLOCK, *_FOUND)},
    f"{_BLOCK}.signature": "a seal by which its own server knows a thought again; the thought itself is read",
    f"{_BLOCK}.data": "of a redacted thought: it was sealed by another server and cannot be read here",
    f"{_BLOCK}.encrypted_content": "of a summary: its own server's seal; the summary itself is read",
    f"{_BLOCK}.tool_changes": "of a summary: they are read where they stand, in the messages before it",
    f"{_BLOCK}.toolset_name": "a label; a call and its result are matched by the call's id",
    **{
        f"{_RESULT}.{name}": "of a document in a result: the model is told that it was left out"
        for name in ("source", "title", "context")
    },
    "thinking.display": "the thought itself is sent, whole: no summary is made of it, and none is sealed",
    "tools[].eager_input_streaming": "the input of a call is streamed as it is made in any case",
    "tools[].input_examples": "Qwen's templates have no place for them; the description and the schema are shown",
    "thinking.block_binding": "no thought is sealed here, so none is checked: what is sent is what the model is shown",
    "output_config.task_budget": "a hint to models that were trained to read it; 'max_tokens' bounds an answer",
    "fallbacks": "no request is declined here, so none has to be tried with another model",
    "fallback_credit_token": "nothing is charged for keeping a prefix",
    "diagnostics": "it compares with an earlier request, and none is kept",
}

# Checked, and then without an effect on the answer.
LABELS: Mapping[str, str] = {
    "metadata": "labels of the caller, 'user_id' of its own end user; nothing depends on them and they are not kept",
}

# Left out, with a word in the answer. A request that declares nothing else is refused: a model that was told of nothing
# has no answer for it.
LEFT_OUT: Mapping[str, str] = {
    "tools[] of any other type": "web_search, bash and the like, whose schema only Anthropic's models know",
    f"{_RESULT} with a picture that cannot be read": PICTURE_OF_A_TOOL,
    f"{_BLOCK} of Anthropic's own tools": "server_tool_use, mcp_tool_use and their results, in an earlier answer",
}

LIMITED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "service_tier": (("auto", "standard_only"), "there is one tier of service"),
    "billing_policy": (({"type": "billing_policy", "bill_to": "self"},), "the account of the key pays"),
    "speed": (("standard",), "there is one speed"),
}

REFUSED: Mapping[str, str] = {
    "container": "no code runs here",
    "thread": "nothing is stored: send the earlier messages again in 'messages'",
    "compaction": "ask for a summary in a message of the user",
    "mcp_servers": "tools are run by the client: declare them in 'tools'",
    "inference_geo": "workers are wherever their owners are",
    "max_tokens_to_sample": "use 'max_tokens'",
    "prompt": "use 'messages'",
    "max_completion_tokens": "use 'max_tokens'",
    "stop": "use 'stop_sequences'",
    "response_format": "use 'output_config' with 'format'",
    "reasoning_effort": "use 'output_config' with 'effort'",
    "n": "one answer per request: send it again",
}


class MessagesFields(Fields):
    """Fields of the Messages API, with what it accepts without effect, and what it limits."""

    accepted = ACCEPTED
    limited = LIMITED
    refused = REFUSED


Block = str | tuple[str, MessagesFields]  # a text, or the type of another block and the rest of it
