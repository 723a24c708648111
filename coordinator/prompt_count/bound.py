"""The most tokens that a prompt can have, without a tokeniser.

A token stands for at least one byte of the text that a template renders: the vocabularies of the catalog's models read
bytes as they are. So a prompt has at most as many tokens as the longest text that a template makes of the request has
bytes, in UTF-8. A character has up to four, and a rare one is a token for each.

- What a message says stands in the prompt as it is, or as JSON.
- Tools, and the arguments of earlier calls, are values: a template writes them as JSON, in which a character may be a
  `\\uXXXX` of six bytes, separators have blanks and 1e15 is 1000000000000000.0; or as elements with a name.
- A picture has at most the tokens that the request allows it, and two marks.
- The template's own words are bounded by constants: a turn's, an element's, those around tools and the chat.
"""

import json
from typing import Any

from wire.chat import ChatRequest, Tool, ToolCall
from wire.fixed_tool import once
from wire.pictures import MARK_TOKENS

MARKS_TURN = 64  # tokens of the template's marks around one turn, names and empty thoughts included; measured: 5 to 12
MARKS_TOOLS = 1024  # and of its instructions when there are tools; measured: 160 to 330
MARKS_CHAT = 256  # and of everything else
MARKS_NAMED = 32  # of `<parameter=NAME>\n ... \n</parameter>\n` around one named value; in bytes 29


def prompt_bound(request: ChatRequest, context: int) -> int:
    """The most tokens that any byte-level tokeniser can make of the prompt, at most `context`."""
    texts = sum(len(message.model_dump_json(exclude={"tool_calls", "images"}).encode()) for message in request.messages)
    calls = sum(_call_tokens(call) for message in request.messages for call in message.tool_calls)
    tools = sum(_tool_tokens(tool) for tool in request.tools)
    marks = MARKS_TURN * len(request.messages) + MARKS_CHAT + (MARKS_TOOLS if request.tools else 0)
    return min(context, texts + calls + tools + marks + pictures_bound(request))


def pictures_bound(request: ChatRequest) -> int:
    """The most tokens of all its pictures. Nobody looks at them here, so this is what a worker may claim for them."""
    return sum(image.most + MARK_TOKENS for message in request.messages for image in message.images)


@once
def _tool_tokens(tool: Tool) -> int:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return _value_tokens({"type": "function", "function": function})


def _call_tokens(call: ToolCall) -> int:
    """Templates show the value of arguments that are JSON, and the text of those that are none: whichever is longer."""
    asked = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": {"arguments": None}}}
    text = len(json.dumps(call.arguments))
    try:
        value = _value_tokens(json.loads(call.arguments, parse_constant=str))
    except (ValueError, RecursionError):
        value = 0
    return _value_tokens(asked) + max(text, value)


def _value_tokens(value: Any) -> int:
    """Of a JSON value at its widest. Escaped it is ASCII, so its characters are its bytes."""
    text = json.dumps(value)
    return len(text) + MARKS_NAMED * text.count('": ')
