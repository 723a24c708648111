"""The fields of `POST /v1/responses` that have no effect here, that may only have one value, or that are refused.

The method is that of fields.py: nothing is accepted and ignored unless it is on a list with its reason.
"""

from collections.abc import Mapping
from typing import Any

from coordinator.openai.field_table import ACCEPTED as CHAT_ACCEPTED
from coordinator.openai.field_table import LIMITED as CHAT_LIMITED
from coordinator.openai.field_table import PICTURE_OF_A_TOOL
from coordinator.openai.fields import Fields
from coordinator.openai.media.fields import EDIT_ACCEPTED, EDIT_REFUSED, IMAGES_LIMITED

_ITEM, _TEXT_PARTS = "input[]", ("input[].content[]", "input[].output[]")
_FUNCTIONS = ("tools[]", "tools[].tools[]")  # at the top, and inside of a namespace

ACCEPTED: Mapping[str, str] = {
    "store": "nothing is stored either way, true included: there is no GET, and the next request brings all items",
    **{
        name: CHAT_ACCEPTED[name]
        for name in (
            *("prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "cache_prompt"),
            *("app_source", "session_id", "include_reasoning", "tool_stream"),
        )
    },
    **{name: CHAT_ACCEPTED[name] for name in CHAT_ACCEPTED if name.startswith("reasoning.")},
    "client_metadata": "Codex's own labels for its session and turn; nothing depends on them",
    "context_management": "no item is ever dropped or compacted here: an input that is too long is an error",
    "max_tool_calls": "it bounds calls of built-in tools, and here are none",
    "text.verbosity": CHAT_ACCEPTED["verbosity"],
    **{name: CHAT_ACCEPTED[name] for name in CHAT_ACCEPTED if name.startswith("media_references[]")},
    f"{_ITEM}.content[].input_audio.format": CHAT_ACCEPTED["messages[].content[].input_audio.format"],
    f"{_ITEM}.content[].filename": CHAT_ACCEPTED["messages[].content[].file.filename"],
    f"{_ITEM}.id": "a label of the item; a call's output is matched by 'call_id', and a picture of ours is found by it",
    **{
        f"{_ITEM}.{name}": "how an earlier picture was drawn: the picture itself says what of it matters"
        for name in ("background", "output_format", "quality", "size", "error", "svg_usage")
    },
    f"{_ITEM}.status": "an item counts as it stands, cut off or not",
    f"{_ITEM}.phase": "a mark for models that were trained to read it; Qwen's templates have no place for it",
    f"{_ITEM}.name": "of an output: the call that it answers says it",
    f"{_ITEM}.namespace": "of an output: the call that it answers says it",
    f"{_ITEM}.async": "of an earlier call: its output says what came of it",
    f"{_ITEM}.caller": "who made an earlier call, the model or a program of its: its output is shown in any case",
    f"{_ITEM}.parsed_arguments": "the OpenAI SDK's own decoded copy of `arguments`",
    **{f"{place}.prompt_cache_breakpoint": "a prefix is cached in any case" for place in _TEXT_PARTS},
    **{f"{place}.annotations": "an earlier answer sent back: marks for display, not text" for place in _TEXT_PARTS},
    **{f"{place}.logprobs": "an earlier answer sent back: figures about text, not text" for place in _TEXT_PARTS},
    **{f"{place}.parsed": "the OpenAI SDK's own decoded copy of the text" for place in _TEXT_PARTS},
    **{
        f"{place}.allowed_callers": "no code runs here that could call a tool: the model is offered it in any case"
        for place in _FUNCTIONS
    },
    **{f"tools[].{name}": why for name, why in EDIT_ACCEPTED.items()},  # of image_generation
    **{f"{place}.output_schema": "what a tool returns is shown to the model when it returns" for place in _FUNCTIONS},
}

# Values of `include` that ask for nothing that is withheld.
INCLUDED: Mapping[str, str] = {
    "reasoning.encrypted_content": "sealed thoughts let a client carry what it may not read; here it may, and carries "
    "the reasoning text itself. Codex asks for it always",
    **{
        name: "it asks for what a tool of the server found, and here are none"
        for name in (
            "web_search_call.results",
            "web_search_call.action.sources",
            "file_search_call.results",
            "code_interpreter_call.outputs",
            "computer_call_output.output.image_url",
        )
    },
    "message.input_image.image_url": "what was sent is not given back",
}

# What is left out of a request, and the answer says so: under `auto` a model may call a tool, and never has to. The
# Response object lists the tools that were really offered to the model.
LEFT_OUT: Mapping[str, str] = {
    "tools[] of any other type": "web_search, custom and the like, which clients declare unasked",
    "tools[] of type image_generation": "where no worker draws at the moment, or the operator has it switched off",
    **dict.fromkeys(
        (f"{place}.defer_loading" for place in _FUNCTIONS), "such a tool is for a search of tools, which is not offered"
    ),
    "input[].output[].file_id": "nothing is stored; it is the tool's choice, and a refusal would end the conversation",
    "input[].output[] with a picture that cannot be read": PICTURE_OF_A_TOOL,
    "input[] of any other type": "what a tool of another server did for an earlier answer; the answer itself stands",
}

LIMITED: Mapping[str, tuple[tuple[Any, ...], str]] = {
    **{name: row for name, row in CHAT_LIMITED.items() if "." not in name and name != "modalities"},
    **{name: CHAT_LIMITED[name] for name in ("stream_options.include_obfuscation", "reasoning.mode")},
    "background": ((False,), "nothing is stored, so there is nothing to come back for: use 'stream'"),
    "truncation": (("disabled", "auto"), "no item is ever dropped: an input that is too long is an error"),
    **{f"tools[].{name}": row for name, row in IMAGES_LIMITED.items()},  # of image_generation
    **{f"{place}.async": ((False,), "every call is answered in the next request") for place in _FUNCTIONS},
}

# Of the tool image_generation.
PICTURES_REFUSED: Mapping[str, str] = {
    "input_image_mask": EDIT_REFUSED["mask"],
    **{name: EDIT_REFUSED[name] for name in ("frame_count", "frame_duration_ms", "svg")},
}

REFUSED: Mapping[str, str] = {
    # what needs a memory
    "previous_response_id": "nothing is stored: send the earlier items in 'input'",
    "conversation": "nothing is stored: send the earlier items in 'input'",
    "prompt": "no prompts are stored: use 'instructions' and 'input'",
    "background_options": "nothing is stored: use 'stream'",
    # what is not offered
    "moderation": "answers are not moderated here",
    "access_programs": "there are none",
    "image": "send pictures in 'input', as parts of type 'input_image'",
    "audio": "this network takes text and pictures only",
    "modalities": "this network gives text only",
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
    """Fields of the Responses API, with what it accepts without effect, and what it limits."""

    accepted = ACCEPTED
    limited = LIMITED
    refused = REFUSED
