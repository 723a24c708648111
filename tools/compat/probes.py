"""For every field that means something: a body without it and one with it, laid over a base that asks for little."""

from typing import Any

from coordinator.openai.responses.fields import PICTURES_REFUSED
from tools.compat import file_probes
from tools.compat.file_probes import PICTURE

Body = dict[str, Any]
Probe = tuple[Body, Body]

CHAT_BASE: Body = {"model": "one", "messages": [{"role": "user", "content": "x"}]}
RESPONSES_BASE: Body = {"model": "one", "input": "x"}

_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
_USER = {"role": "user", "content": "x"}
_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_JSON = {"name": "n", "schema": _SCHEMA}
_TOOL: Body = {"tools": [{"type": "function", "function": {"name": "f"}}]}


def _add(**fields: Any) -> Probe:
    return {}, fields


def _assistant(**fields: Any) -> Probe:
    answer = {"role": "assistant", "content": "y"}
    return {"messages": [_USER, answer]}, {"messages": [_USER, answer | fields]}


def _function(**fields: Any) -> Probe:
    function = {"name": "f"}
    return tuple({"tools": [{"type": "function", "function": each}]} for each in (function, function | fields))  # type: ignore[return-value]


def _called(**fields: Any) -> Probe:
    """A call that differs in its function, or in the `id` beside it."""
    function = _CALL["function"] | {key: value for key, value in fields.items() if key != "id"}  # type: ignore[operator]
    other = _CALL | {"function": function, "id": fields.get("id", "c")}
    one, two = ({"role": "assistant", "tool_calls": [call]} for call in (_CALL, other))
    return {"messages": [_USER, one]}, {"messages": [_USER, two]}


def _custom(**fields: Any) -> Probe:
    """A call of another server's tool that takes free text."""
    calls = [{"id": "c", "type": "custom", "custom": {"name": "f", "input": ""} | each} for each in ({}, fields)]
    one, two = ({"role": "assistant", "tool_calls": [call]} for call in calls)
    return {"messages": [_USER, one]}, {"messages": [_USER, two]}


def _shown(**fields: Any) -> Body:
    return {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PICTURE} | fields}]}]}


def _result(**fields: Any) -> Probe:
    called = {"role": "assistant", "tool_calls": [_CALL]}
    result = {"role": "tool", "tool_call_id": "c", "content": "r"}
    return {"messages": [_USER, called, result]}, {"messages": [_USER, called, result | fields]}


def _named(name: str) -> Body:
    return {"type": "function", "function": {"name": name}}


def _allowed_in_chat(**fields: Any) -> Body:
    allowed = {"mode": "auto", "tools": [_named("f")]} | fields
    return {"tool_choice": {"type": "allowed_tools", "allowed_tools": allowed}}


# Fields with the same name and meaning in both APIs.
_BOTH: dict[str, Probe] = {
    "model": _add(model="two"),
    "temperature": _add(temperature=0.1),
    "top_p": _add(top_p=0.5),
    "top_k": _add(top_k=7),
    "min_p": _add(min_p=0.1),
    "presence_penalty": _add(presence_penalty=0.5),
    "frequency_penalty": _add(frequency_penalty=0.5),
    "repetition_penalty": _add(repetition_penalty=1.1),
    "logit_bias": _add(logit_bias={"5": 1}),
    "seed": _add(seed=7),
    "sogni_tools": _add(sogni_tools=True),
    "sogni_tool_execution": _add(sogni_tool_execution=False),
    **file_probes.BOTH,
    "stop": _add(stop=["z"]),
    "stream": _add(stream=True),
    "ignore_eos": _add(ignore_eos=True),
    "task_profile": _add(task_profile="coding"),
    "token_type": _add(token_type="spark"),
    "user": _add(user="u"),
    "safety_identifier": _add(safety_identifier="u"),
    "metadata": _add(metadata={"k": "v"}),
    "repeat_penalty": _add(repeat_penalty=1.1),
    "enable_thinking": _add(enable_thinking=False),
    "think": _add(think=False),
    "thinking_budget": _add(thinking_budget=9),
    "thinking.type": _add(thinking={"type": "disabled"}),
    "thinking.budget_tokens": _add(thinking={"budget_tokens": 9}),
    "thinking.clear_thinking": _add(thinking={"clear_thinking": False}),
    "reasoning.enabled": _add(reasoning={"enabled": False}),
    "reasoning.effort": _add(reasoning={"effort": "low"}),
    "reasoning.max_tokens": _add(reasoning={"max_tokens": 9}),
    "reasoning.context": _add(reasoning={"context": "all_turns"}),
    "chat_template_kwargs.thinking": _add(chat_template_kwargs={"thinking": False}),
    "parallel_tool_calls": _add(parallel_tool_calls=False),
    "chat_template_kwargs.enable_thinking": _add(chat_template_kwargs={"enable_thinking": False}),
    "chat_template_kwargs.preserve_thinking": _add(chat_template_kwargs={"preserve_thinking": True}),
    "chat_template_kwargs.clear_thinking": _add(chat_template_kwargs={"clear_thinking": False}),
    "chat_template_kwargs.thinking_budget": _add(chat_template_kwargs={"thinking_budget": 100}),
    "chat_template_kwargs.reasoning_effort": _add(chat_template_kwargs={"reasoning_effort": "low"}),
}

CHAT: dict[str, Probe] = _BOTH | {
    "min_tokens": ({"max_tokens": 9}, {"max_tokens": 9, "min_tokens": 9}),
    "messages": _add(messages=[_USER, _USER]),
    "messages[].role": _add(messages=[{"role": "developer", "content": "x"}]),
    "messages[].content": _add(messages=[{"role": "user", "content": "y"}]),
    "messages[].content[].text": _add(messages=[{"role": "user", "content": [{"type": "text", "text": "y"}]}]),
    "messages[].content[].image_url": _result(content=[{"type": "image_url", "image_url": PICTURE}]),
    "messages[].content[].image_url.url": _add(**_shown()),
    "messages[].content[].image_url.detail": (_shown(), _shown(detail="low")),
    **file_probes.CHAT,
    "messages[].content[].refusal": _assistant(content=[{"type": "refusal", "refusal": "no"}]),
    "messages[].name": _add(messages=[_USER | {"name": "n"}]),
    "messages[].refusal": _assistant(content=None, refusal="no"),
    "messages[].reasoning_content": _assistant(reasoning_content="r"),
    "messages[].reasoning": _assistant(reasoning="r"),
    "messages[].reasoning_text": _assistant(reasoning_text="r"),
    "messages[].reasoning_details": _assistant(reasoning_details=[{"type": "reasoning.text", "text": "r"}]),
    "messages[].thinking_blocks": _assistant(thinking_blocks=[{"type": "thinking", "thinking": "r"}]),
    "messages[].content[].thinking": _assistant(content=[{"type": "thinking", "thinking": "r"}]),
    "messages[].content[].reasoning": _assistant(content=[{"type": "reasoning", "reasoning": "r"}]),
    "messages[].content[].summary": _assistant(content=[{"type": "reasoning", "summary": [{"text": "r"}]}]),
    "messages[].tool_calls": _assistant(tool_calls=[_CALL]),
    "messages[].tool_calls[].id": _called(id="d"),
    "messages[].tool_calls[].function.name": _called(name="g"),
    "messages[].tool_calls[].function.arguments": _called(arguments='{"a": 1}'),
    "messages[].tool_calls[].custom.name": _custom(name="g"),
    "messages[].tool_calls[].custom.input": _custom(input="i"),
    "messages[].tool_call_id": _result(tool_call_id="d"),
    "max_tokens": _add(max_tokens=5),
    "max_completion_tokens": _add(max_completion_tokens=5),
    "n": _add(n=2),
    "logprobs": _add(logprobs=True),
    "top_logprobs": ({"logprobs": True}, {"logprobs": True, "top_logprobs": 3}),
    "reasoning_effort": _add(reasoning_effort="low"),
    "response_format": _add(response_format={"type": "json_object"}),
    "response_format.schema": _add(response_format={"type": "json_object", "schema": _SCHEMA}),
    "response_format.json_schema.schema": _add(response_format={"type": "json_schema", "json_schema": _JSON}),
    "response_format.json_schema.strict": (
        {"response_format": {"type": "json_schema", "json_schema": _JSON}},
        {"response_format": {"type": "json_schema", "json_schema": {**_JSON, "strict": True}}},
    ),
    "usage.include": ({"stream": True}, {"stream": True, "usage": {"include": True}}),
    "stream_options.include_usage": ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
    "stream_options.include_tool_progress": (
        {"stream": True},
        {"stream": True, "stream_options": {"include_tool_progress": True}},
    ),
    "stream_options.continuous_usage_stats": (
        {"stream": True, "stream_options": {"include_usage": True}},
        {"stream": True, "stream_options": {"include_usage": True, "continuous_usage_stats": True}},
    ),
    "tools": _add(tools=[{"type": "function", "function": {"name": "f"}}]),
    "tools[].function.name": _function(name="g"),
    "tools[].function.description": _function(description="d"),
    "tools[].function.parameters": _function(parameters=_SCHEMA),
    "tools[].function.strict": _function(strict=True),
    "tool_choice": (_TOOL, _TOOL | {"tool_choice": "required"}),
    "tool_choice.allowed_tools.mode": (_TOOL, _TOOL | _allowed_in_chat(mode="required")),
    "tool_choice.allowed_tools.tools": (_TOOL, _TOOL | _allowed_in_chat(tools=[])),
    "tool_choice.allowed_tools.tools[].function.name": (
        _TOOL | _allowed_in_chat(tools=[_named("g")]),
        _TOOL | _allowed_in_chat(tools=[_named("f")]),
    ),
    "tool_choice.function.name": (
        _TOOL,
        _TOOL | {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    ),
}

# Refused inside of something: a body that has it.
CHAT_REFUSED: dict[str, Body] = {
    "messages[].function_call": _assistant(function_call={"name": "f"})[1],
    "messages[].audio": _assistant(audio={"id": "a"})[1],
    **file_probes.CHAT_REFUSED,
}


def _item(item: Body, **fields: Any) -> Probe:
    asked = {"type": "message", "role": "user", "content": "x"}
    return {"input": [asked, item]}, {"input": [asked, item | fields]}


def _flat(**fields: Any) -> Probe:
    function = {"type": "function", "name": "f"}
    return {"tools": [function]}, {"tools": [function | fields]}


def _drawing(**fields: Any) -> Probe:
    tool = {"type": "image_generation"}
    return {"stream": True, "tools": [tool]}, {"stream": True, "tools": [tool | fields]}


_SPACE = {"type": "namespace", "name": "s", "tools": [{"type": "function", "name": "f"}]}
_CALLED = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
_OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "r"}
_CUSTOM = {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": ""}
_SHELL = {"type": "local_shell_call", "call_id": "c", "action": {}}
_DRAWN = {"type": "image_generation_call", "id": f"ig_{'0' * 32}_1_1_0", "status": "completed"}
_ANSWER = {"type": "message", "role": "assistant", "content": "y"}
_ASKED = {"type": "message", "role": "user", "content": "x"}
_LOW = {"detail": "low"}
_THOUGHT = {"type": "reasoning", "summary": []}
_SEEN = {"type": "input_image", "image_url": PICTURE}
_PICTURES = {"action": "edit", "model": "m", "output_format": "webp", "partial_images": 1, "size": "512x512"}
_FORMAT = {"type": "json_schema", "name": "n", "schema": _SCHEMA}
_FLAT: Body = {"tools": [{"type": "function", "name": "f"}]}


def _format(**fields: Any) -> Probe:
    return {"text": {"format": _FORMAT}}, {"text": {"format": _FORMAT | fields}}


def _spaced(**fields: Any) -> Probe:
    spaces = [_SPACE | {"tools": [{"type": "function", "name": "f"} | each]} for each in ({}, fields)]
    return {"tools": [spaces[0]]}, {"tools": [spaces[1]]}


def _allowed(**fields: Any) -> Body:
    allowed = {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
    return _FLAT | {"tool_choice": allowed | fields}


RESPONSES: dict[str, Probe] = _BOTH | {
    "min_tokens": ({"max_output_tokens": 9}, {"max_output_tokens": 9, "min_tokens": 9}),
    "input": _add(input="y"),
    "input[].role": _item(_ANSWER, role="user"),
    "input[].content": _item(_ANSWER, content="z"),
    "input[].content[].text": _item(_ANSWER, content=[{"type": "output_text", "text": "z"}]),
    "input[].content[].image_url": _item(_ASKED, content=[_SEEN]),
    **file_probes.RESPONSES,
    "input[].content[].detail": (_item(_ASKED, content=[_SEEN])[1], _item(_ASKED, content=[_SEEN | _LOW])[1]),
    "input[].output[].image_url": _item(_OUTPUT, output=[_SEEN]),
    "input[].output[].detail": (_item(_OUTPUT, output=[_SEEN])[1], _item(_OUTPUT, output=[_SEEN | _LOW])[1]),
    "input[].content[].refusal": _item(_ANSWER, content=[{"type": "refusal", "refusal": "no"}]),
    "input[].call_id": _item(_CALLED, call_id="d"),
    "input[].name": _item(_CALLED, name="g"),
    "input[].namespace": _item(_CALLED, namespace="s"),
    "input[].arguments": _item(_CALLED, arguments='{"a": 1}'),
    "input[].output": _item(_OUTPUT, output="s"),
    "input[].input": (_item(_CUSTOM)[1], _item(_CUSTOM, input="i")[1]),
    "input[].action": (_item(_SHELL)[1], _item(_SHELL, action={"command": ["ls"]})[1]),
    "input[].result": _item(_DRAWN, result=PICTURE.partition(",")[2]),
    "input[].revised_prompt": _item(_DRAWN, revised_prompt="p"),
    "input[].encrypted_content": _item(_THOUGHT, encrypted_content="e"),
    "input[].output[].text": _item(_OUTPUT, output=[{"type": "input_text", "text": "s"}]),
    "input[].summary[].text": _item(_THOUGHT, summary=[{"type": "summary_text", "text": "t"}]),
    "input[].content[].text of a thought": _item(_THOUGHT, content=[{"type": "reasoning_text", "text": "t"}]),
    "instructions": _add(instructions="i"),
    "max_output_tokens": _add(max_output_tokens=5),
    "include": _add(include=["message.output_text.logprobs"]),
    "top_logprobs": ({}, {"include": ["message.output_text.logprobs"], "top_logprobs": 3}),
    "text.format": _add(text={"format": {"type": "json_object"}}),
    "text.format.schema": _format(schema={"type": "object"}),
    "text.format.name": _format(name="m"),
    "text.format.description": _format(description="d"),
    "text.format.strict": _format(strict=True),
    "tools": _flat(name="g"),
    "tools[].name": _flat(name="g"),
    "tools[].description": _flat(description="d"),
    "tools[].parameters": _flat(parameters=_SCHEMA),
    "tools[].strict": _flat(strict=True),
    **{f"tools[].{name}": _drawing(**{name: value}) for name, value in _PICTURES.items()},
    "tools[].tools": (_FLAT, {"tools": [_SPACE]}),
    "tools[].tools[].name": _spaced(name="g"),
    "tools[].tools[].description": _spaced(description="d"),
    "tools[].tools[].parameters": _spaced(parameters=_SCHEMA),
    "tools[].tools[].strict": _spaced(strict=True),
    "tool_choice": (_FLAT, _FLAT | {"tool_choice": "required"}),
    "tool_choice.name": (_FLAT, _FLAT | {"tool_choice": {"type": "function", "name": "f"}}),
    "tool_choice.mode": (_FLAT, _allowed(mode="required")),
    "tool_choice.tools": (_FLAT, _allowed(tools=[])),
    "tool_choice.tools[].name": (_allowed(tools=[{"type": "function", "name": "g"}]), _allowed()),
    "tool_choice.tools[].namespace": (
        _allowed(tools=[{"type": "function", "name": "f", "namespace": "s"}]),
        _allowed(),
    ),
    "tool_choice.namespace": (
        {"tools": [_SPACE]},
        {"tools": [_SPACE], "tool_choice": {"type": "function", "name": "f", "namespace": "s"}},
    ),
}

RESPONSES_REFUSED: dict[str, Body] = {
    **{f"tools[].{name}": _drawing(**{name: {}})[1] for name in PICTURES_REFUSED},
    "input[] of type item_reference": {"input": [{"type": "item_reference", "id": "i"}]},
    "input[].content[].file_id": {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
}
