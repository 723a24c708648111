"""The texts of which a template makes a prompt: those of the request, and at least the marks that it writes. Pure.

The marks are texts too, and are counted with the model's vocabulary as the rest is: "assistant" is one token to most,
and nine letters to a small one. They are the longest of the templates of Qwen2.5, Qwen3, Qwen3-Coder, Qwen3.5 and
SmolLM2, and of what a worker writes for templates without tools (worker/chat/history.py). What a template writes of its
own accord is told apart by model (template.py).
`tests/coordinator/prompt_count/test_against_workers.py` holds their sum against what workers really count.
"""

import json
from collections.abc import Iterator
from itertools import pairwise, takewhile

from coordinator.prompt_count.bound import pictures_bound
from coordinator.prompt_count.template import Marks
from wire.catalog import ChatFormat
from wire.chat import ChatRequest, Message, Tool
from wire.fixed_tool import once

TURN_TOKENS = 3  # <|im_start|>, <|im_end|> and the line's end, around the role and the text
JOINED_TOKENS = 2  # where two texts of one turn meet
ANSWER_TOKENS = 1  # <|im_start|>
ANSWER = "assistant\n"
CALL = {
    "qwen-json": '\n<tool_call>\n{"name": "", "arguments": }\n</tool_call>',
    "qwen-xml": "\n\n<tool_call>\n<function=>\n</function>\n</tool_call>",
}
ARGUMENT = {"qwen-json": " ", "qwen-xml": "<parameter=>\n\n</parameter>\n"}
RESULT = "user\n<tool_response>\n\n</tool_response>"
PARAMETER = "<parameter>\n<name></name>\n<type></type>\n<description></description>\n</parameter>\n"
_JSON_INSTRUCTIONS = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
</tools>

For each function call, return a json object with function name and arguments within <tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""
_XML_INSTRUCTIONS = """# Tools

You have access to the following functions:

<tools>
</tools>

If you choose to call a function ONLY reply in the following format with NO suffix:

<tool_call>
<function=example_function_name>
<parameter=example_parameter_1>
value_1
</parameter>
<parameter=example_parameter_2>
This is the value for the second parameter
that can span
multiple lines
</parameter>
</function>
</tool_call>

<IMPORTANT>
Reminder:
- Function calls MUST follow the specified format: an inner <function=...></function> block must be nested within \
<tool_call></tool_call> XML tags
- Required parameters MUST be specified
- You may provide optional reasoning for your function call in natural language BEFORE the function call, but NOT after
- If there is no function call available, answer the question like normal with your current knowledge and do not tell \
the user about function calls
</IMPORTANT>"""
INSTRUCTIONS = {"qwen-json": _JSON_INSTRUCTIONS, "qwen-xml": _XML_INSTRUCTIONS}


def texts(request: ChatRequest, format: ChatFormat) -> list[str]:
    """The texts of the request and the marks around them, each to be counted for itself; but for what the template
    writes of its own accord."""
    return [*turns(request, format), *(text for tool in told(request) for text in tool_texts(tool, format))]


def turns(request: ChatRequest, format: ChatFormat) -> list[str]:
    """As `texts`: all but the tools themselves."""
    found = [ANSWER]
    for message in request.messages:
        found += _turn(message, format)
    if told(request):
        found.append(INSTRUCTIONS[format])
    return [text for text in found if text]


def told(request: ChatRequest) -> tuple[Tool, ...]:
    """The tools that the model is told of."""
    return request.tools if request.tool_choice != "none" else ()


def special_tokens(request: ChatRequest) -> int:
    """What no text stands for, and pictures: at most so many tokens."""
    joined = sum(bool(message.reasoning) + len(message.tool_calls) for message in request.messages)
    return ANSWER_TOKENS + TURN_TOKENS * len(request.messages) + JOINED_TOKENS * joined + pictures_bound(request)


def unasked(request: ChatRequest, marks: Marks) -> tuple[int, list[str]]:
    """What the template writes of its own accord: tokens that no text stands for, and texts. A system turn, where the
    request begins with none or has to be told of tools, and thoughts."""
    thoughts = 1 + sum(message.reasoning is not None for message in request.messages)
    found, tokens = [*marks.thought * thoughts], marks.thought_tokens * thoughts
    if not any(message.content for message in takewhile(_is_system, request.messages)):
        if marks.system is not None:
            found.append(f"system\n{marks.system}")
            tokens += TURN_TOKENS
        elif request.tools and request.tool_choice != "none":
            found.append("system\n")
            tokens += TURN_TOKENS
    return tokens, found


def _is_system(message: Message) -> bool:
    return message.role == "system"


def _turn(message: Message, format: ChatFormat) -> Iterator[str]:
    yield RESULT if message.role == "tool" else f"{message.role}\n"
    cuts = (0, *(image.at for image in message.images), len(message.content))  # a picture parts the text around it
    yield from (message.content[start:end] for start, end in pairwise(cuts))
    yield from (message.reasoning or "", message.name or "")
    for call in message.tool_calls:
        yield CALL[format]
        yield from [ARGUMENT[format]] * call.arguments.count(":")
        yield from (call.name, call.arguments)


@once
def tool_texts(tool: Tool, format: ChatFormat) -> tuple[str, ...]:
    """As `texts`: of one tool that the model is told of."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    text = "\n" + json.dumps({"type": "function", "function": function}, ensure_ascii=False)
    properties = tool.parameters.get("properties")
    named = 1 + (len(properties) if isinstance(properties, dict) else 0) if format == "qwen-xml" else 0
    return (text, *[PARAMETER] * named)
