"""For every field that means something: a body without it and one with it, laid over a base that asks for little."""

from typing import Any

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


def _result(**fields: Any) -> Probe:
    called = {"role": "assistant", "tool_calls": [_CALL]}
    result = {"role": "tool", "tool_call_id": "c", "content": "r"}
    return {"messages": [_USER, called, result]}, {"messages": [_USER, called, result | fields]}


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
    "stop": _add(stop=["z"]),
    "stream": _add(stream=True),
    "ignore_eos": _add(ignore_eos=True),
    "task_profile": _add(task_profile="coding"),
    "token_type": _add(token_type="spark"),
    "user": _add(user="u"),
    "safety_identifier": _add(safety_identifier="u"),
    "metadata": _add(metadata={"k": "v"}),
    "parallel_tool_calls": _add(parallel_tool_calls=False),
    "chat_template_kwargs.enable_thinking": _add(chat_template_kwargs={"enable_thinking": False}),
    "chat_template_kwargs.preserve_thinking": _add(chat_template_kwargs={"preserve_thinking": True}),
}

CHAT: dict[str, Probe] = _BOTH | {
    "messages": _add(messages=[_USER, _USER]),
    "messages[].role": _add(messages=[{"role": "developer", "content": "x"}]),
    "messages[].content": _add(messages=[{"role": "user", "content": "y"}]),
    "messages[].content[].text": _add(messages=[{"role": "user", "content": [{"type": "text", "text": "y"}]}]),
    "messages[].content[].refusal": _assistant(content=[{"type": "refusal", "refusal": "no"}]),
    "messages[].name": _add(messages=[_USER | {"name": "n"}]),
    "messages[].refusal": _assistant(content=None, refusal="no"),
    "messages[].reasoning_content": _assistant(reasoning_content="r"),
    "messages[].reasoning": _assistant(reasoning="r"),
    "messages[].tool_calls": _assistant(tool_calls=[_CALL]),
    "messages[].tool_calls[].id": _called(id="d"),
    "messages[].tool_calls[].function.name": _called(name="g"),
    "messages[].tool_calls[].function.arguments": _called(arguments='{"a": 1}'),
    "messages[].tool_call_id": _result(tool_call_id="d"),
    "max_tokens": _add(max_tokens=5),
    "max_completion_tokens": _add(max_completion_tokens=5),
    "n": _add(n=2),
    "logprobs": _add(logprobs=True),
    "top_logprobs": ({"logprobs": True}, {"logprobs": True, "top_logprobs": 3}),
    "reasoning_effort": _add(reasoning_effort="low"),
    "response_format": _add(response_format={"type": "json_object"}),
    "response_format.json_schema.schema": _add(response_format={"type": "json_schema", "json_schema": _JSON}),
    "stream_options.include_usage": ({"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}),
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
    "tool_choice.function.name": (
        _TOOL,
        _TOOL | {"tool_choice": {"type": "function", "function": {"name": "f"}}},
    ),
}

# Refused inside of something: a body that has it.
CHAT_REFUSED: dict[str, Body] = {
    "messages[].function_call": _assistant(function_call={"name": "f"})[1],
    "messages[].audio": _assistant(audio={"id": "a"})[1],
}


def _item(item: Body, **fields: Any) -> Probe:
    asked = {"type": "message", "role": "user", "content": "x"}
    return {"input": [asked, item]}, {"input": [asked, item | fields]}


def _flat(**fields: Any) -> Probe:
    function = {"type": "function", "name": "f"}
    return {"tools": [function]}, {"tools": [function | fields]}


_SPACE = {"type": "namespace", "name": "s", "tools": [{"type": "function", "name": "f"}]}
_CALLED = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
_OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "r"}
_ANSWER = {"type": "message", "role": "assistant", "content": "y"}
_THOUGHT = {"type": "reasoning", "summary": []}
_FORMAT = {"type": "json_schema", "name": "n", "schema": _SCHEMA}
_FLAT: Body = {"tools": [{"type": "function", "name": "f"}]}


def _format(**fields: Any) -> Probe:
    return {"text": {"format": _FORMAT}}, {"text": {"format": _FORMAT | fields}}


def _spaced(**fields: Any) -> Probe:
    spaces = [_SPACE | {"tools": [{"type": "function", "name": "f"} | each]} for each in ({}, fields)]
    return {"tools": [spaces[0]]}, {"tools": [spaces[1]]}


RESPONSES: dict[str, Probe] = _BOTH | {
    "input": _add(input="y"),
    "input[].role": _item(_ANSWER, role="user"),
    "input[].content": _item(_ANSWER, content="z"),
    "input[].content[].text": _item(_ANSWER, content=[{"type": "output_text", "text": "z"}]),
    "input[].content[].refusal": _item(_ANSWER, content=[{"type": "refusal", "refusal": "no"}]),
    "input[].call_id": _item(_CALLED, call_id="d"),
    "input[].name": _item(_CALLED, name="g"),
    "input[].namespace": _item(_CALLED, namespace="s"),
    "input[].arguments": _item(_CALLED, arguments='{"a": 1}'),
    "input[].output": _item(_OUTPUT, output="s"),
    "input[].output[].text": _item(_OUTPUT, output=[{"type": "input_text", "text": "s"}]),
    "input[].summary[].text": _item(_THOUGHT, summary=[{"type": "summary_text", "text": "t"}]),
    "input[].content[].text of a thought": _item(_THOUGHT, content=[{"type": "reasoning_text", "text": "t"}]),
    "instructions": _add(instructions="i"),
    "max_output_tokens": _add(max_output_tokens=5),
    "include": _add(include=["message.output_text.logprobs"]),
    "top_logprobs": ({}, {"include": ["message.output_text.logprobs"], "top_logprobs": 3}),
    "reasoning.effort": _add(reasoning={"effort": "low"}),
    "reasoning.context": _add(reasoning={"context": "all_turns"}),
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
    "tools[].tools": (_FLAT, {"tools": [_SPACE]}),
    "tools[].tools[].name": _spaced(name="g"),
    "tools[].tools[].description": _spaced(description="d"),
    "tools[].tools[].parameters": _spaced(parameters=_SCHEMA),
    "tools[].tools[].strict": _spaced(strict=True),
    "tool_choice": (_FLAT, _FLAT | {"tool_choice": "required"}),
    "tool_choice.name": (_FLAT, _FLAT | {"tool_choice": {"type": "function", "name": "f"}}),
    "tool_choice.namespace": (
        {"tools": [_SPACE]},
        {"tools": [_SPACE], "tool_choice": {"type": "function", "name": "f", "namespace": "s"}},
    ),
}

RESPONSES_REFUSED: dict[str, Body] = {
    "input[].encrypted_content": _item(_THOUGHT, encrypted_content="e")[1],
    "input[] of type item_reference": {"input": [{"type": "item_reference", "id": "i"}]},
}
