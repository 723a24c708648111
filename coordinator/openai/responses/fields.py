"""The fields of `POST /v1/responses` that have no effect here, that may only have one value, or that are refused.

The method is that of fields.py: nothing is accepted and ignored unless it is on a list with its reason.
"""

from collections.abc import Mapping
from typing import Any

from coordinator.openai.fields import LIMITED as CHAT_LIMITED
from coordinator.openai.fields import Fields

_ITEM, _TEXT_PARTS = "input[]", ("input[].content[]", "input[].output[]")
_FUNCTIONS = ("tools[]", "tools[].tools[]")  # at the top, and inside of a namespace

ACCEPTED: Mapping[str, str] = {
    "store": "nothing is stored either way, true included: there is no GET, and the next request brings all items",
    "prompt_cache_key": "a shared prefix is found by its own text and reused without a key",
    "client_metadata": "Codex's own labels for its session and turn; nothing depends on them",
    "app_source": "a label of the calling application; nothing depends on it",
    "max_tool_calls": "it bounds calls of built-in tools, and here are none",
    "reasoning.summary": "the thought itself is sent, whole, as reasoning text: no summary is made of it",
    "reasoning.generate_summary": "the old name of 'summary'",
    f"{_ITEM}.id": "a label of the item; a call and its output are matched by 'call_id'",
    f"{_ITEM}.status": "an item counts as it stands, cut off or not",
    f"{_ITEM}.phase": "a mark for models that were trained to read it; Qwen's templates have no place for it",
    f"{_ITEM}.name": "of an output: the call that it answers says it",
    f"{_ITEM}.namespace": "of an output: the call that it answers says it",
    f"{_ITEM}.parsed_arguments": "the OpenAI SDK's own decoded copy of `arguments`",
    **{f"{place}.prompt_cache_breakpoint": "a prefix is cached in any case" for place in _TEXT_PARTS},
    **{f"{place}.annotations": "an earlier answer sent back: marks for display, not text" for place in _TEXT_PARTS},
    **{f"{place}.logprobs": "an earlier answer sent back: figures about text, not text" for place in _TEXT_PARTS},
    **{f"{place}.parsed": "the OpenAI SDK's own decoded copy of the text" for place in _TEXT_PARTS},
    **{f"{place}.output_schema": "what a tool returns is shown to the model when it returns" for place in _FUNCTIONS},
}

# Values of `include` that ask for nothing that is withheld.
INCLUDED: Mapping[str, str] = {
    "reasoning.encrypted_content": "sealed thoughts let a client carry what it may not read; here it may, and carries "
    "the reasoning text itself. Codex asks for it always",
}

# Built-in tools that a client declares unasked: under `auto` a model may call a tool, and never has to.
# The Response object lists the tools that were really offered to the model.
LEFT_OUT: Mapping[str, str] = {"web_search": "Codex declares it by default; the model is not told of it"}

LIMITED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "service_tier": CHAT_LIMITED["service_tier"],
    "prompt_cache_retention": CHAT_LIMITED["prompt_cache_retention"],
    "billing_mode": CHAT_LIMITED["billing_mode"],
    "stream_options.include_obfuscation": CHAT_LIMITED["stream_options.include_obfuscation"],
    "background": ((False,), "nothing is stored, so there is nothing to come back for: use 'stream'"),
    "truncation": (("disabled",), "no item is ever dropped unasked: shorten 'input' yourself"),
    "text.verbosity": (("medium",), "say in 'instructions' how long the answer should be"),
    "reasoning.mode": (("standard",), "there is one mode: use 'effort'"),
    f"{_ITEM}.async": ((False,), "every call is answered in the next request"),
    f"{_ITEM}.caller": (({"type": "direct"},), "tools are called by the model, not by programs"),
    **{f"{place}.async": ((False,), "every call is answered in the next request") for place in _FUNCTIONS},
    **{f"{place}.defer_loading": ((False,), "every declared tool is shown to the model") for place in _FUNCTIONS},
    **{f"{place}.allowed_callers": ((["direct"],), "tools are called by the model alone") for place in _FUNCTIONS},
}

REFUSED: Mapping[str, str] = {
    # what needs a memory
    "previous_response_id": "nothing is stored: send the earlier items in 'input'",
    "conversation": "nothing is stored: send the earlier items in 'input'",
    "prompt": "no prompts are stored: use 'instructions' and 'input'",
    "context_management": "nothing is stored, so nothing is compacted: shorten 'input' yourself",
    "background_options": "nothing is stored: use 'stream'",
    # what is not offered
    "moderation": "answers are not moderated here",
    "access_programs": "there are none",
    "image": "this network takes text only",
    "audio": "this network takes text only",
    "modalities": "this network takes and gives text only",
    "prompt_cache_options": "prefixes are reused without options",
    "n": "one answer per request: send it again",
    # what has another name here
    "messages": "use 'input', or POST /v1/chat/completions",
    "max_tokens": "use 'max_output_tokens'",
    "max_completion_tokens": "use 'max_output_tokens'",
    "response_format": "use 'text' with 'format'",
    "verbosity": "use 'text' with 'verbosity'",
    "reasoning_effort": "use 'reasoning' with 'effort'",
    "logprobs": "use 'include' with 'message.output_text.logprobs'",
    "functions": "use 'tools'",
    "function_call": "use 'tools' and 'tool_choice'",
}


class ResponsesFields(Fields):
    accepted = ACCEPTED
    limited = LIMITED
