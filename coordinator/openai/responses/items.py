"""The conversation: the items of `input` -> the wire's messages.

Here a turn of the assistant is several items (its thought, its text, each of its calls); the wire, as the templates,
has one message for it. Items that follow each other are joined into one, until somebody else speaks, or a thought or
text begins after text, which is how two turns in a row look. After a call everything joins: its output must come next.

A thought sent back in plain text goes into the history, and the model's template decides whether it is shown again.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from coordinator.openai.fields import Fields, kind
from coordinator.openai.messages import MAX_MESSAGES, PartKind, optional_tool_name, read_text, required_id, tool_name
from coordinator.openai.responses.fields import ResponsesFields
from wire.chat import MAX_CALLS, Message, ToolCall
from wire.errors import invalid

MAX_ITEMS = 2 * MAX_MESSAGES  # a thought, a call and its output are three items and two messages

_INPUT = PartKind("input_text", "text", ("prompt_cache_breakpoint",))
_OUTPUT = PartKind("output_text", "text", ("annotations", "logprobs", "parsed"))
_REFUSAL = PartKind("refusal", "refusal")
_SUMMARY = PartKind("summary_text", "text")
_THOUGHT = PartKind("reasoning_text", "text")

_REFUSED_ITEMS: Mapping[str, str] = {
    "item_reference": "nothing is stored, so nothing can be referred to: send the item itself (in many clients: set "
    "'store' to false)",
    "compaction": "it is sealed by another server: send the items themselves, or a summary as a message",
}


def read_input(body: ResponsesFields, instructions: str | None) -> tuple[tuple[Message, ...], bool]:
    """The instructions and `input` as messages, and whether one was a developer's. Raises SupernetError."""
    history = _History()
    if instructions:
        history.say("system", instructions)
    value = body.take("input")
    if value is None or value == []:
        raise invalid("input", "Missing required parameter: 'input' must be a string or hold at least one item.")
    if isinstance(value, str):
        history.say("user", value)
    elif isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise invalid("input", f"Invalid 'input': {len(value)} items, at most {MAX_ITEMS} are accepted.")
        for index, item in enumerate(value):
            fields = ResponsesFields(item, f"input[{index}]")
            _READERS[_type(fields)](fields, history)
            fields.finish()
    else:
        raise invalid("input", f"Invalid type for 'input': expected a string or an array of items, got {kind(value)}.")
    return history.messages(), history.developer


class _History:
    """The messages so far, and the turn of the assistant that is still open."""

    def __init__(self) -> None:
        self.developer = False
        self._messages: list[Message] = []
        self._reasoning: list[str] = []
        self._content: list[str] = []
        self._calls: list[ToolCall] = []

    def messages(self) -> tuple[Message, ...]:
        self._close()
        if len(self._messages) > MAX_MESSAGES:
            message = f"Invalid 'input': {len(self._messages)} turns, at most {MAX_MESSAGES} are accepted."
            raise invalid("input", message)
        return tuple(self._messages)

    def say(self, role: Literal["system", "user", "tool"], content: str, call_id: str | None = None) -> None:
        self._close()
        self._messages.append(Message(role=role, content=content, tool_call_id=call_id))

    def answer(self, content: str) -> None:
        if self._content and not self._calls:
            self._close()
        self._content.append(content)

    def think(self, reasoning: str) -> None:
        if self._content and not self._calls:
            self._close()
        self._reasoning.append(reasoning)

    def call(self, call: ToolCall, path: str) -> None:
        if len(self._calls) == MAX_CALLS:
            raise invalid(path, f"Invalid '{path}': at most {MAX_CALLS} calls are accepted in one turn.")
        self._calls.append(call)

    def _close(self) -> None:
        if self._reasoning or self._content or self._calls:
            turn = Message(
                role="assistant",
                content="".join(self._content),
                reasoning="\n".join(self._reasoning) if self._reasoning else None,
                tool_calls=tuple(self._calls),
            )
            self._messages.append(turn)
            self._reasoning, self._content, self._calls = [], [], []


# ---- items -----------------------------------------------------------------------------------------------------------


def _type(fields: ResponsesFields) -> str:
    """A message may leave its type out."""
    given: Any = fields.take("type")
    if given is None:
        return "message"
    if not isinstance(given, str) or given not in _READERS:
        path = fields.at("type")
        known = ", ".join(f"'{one}'" for one in _READERS)
        shown = f"'{given}' items are" if isinstance(given, str) and len(given) <= 32 else "this item is"
        why = _REFUSED_ITEMS.get(given) if isinstance(given, str) else None
        raise invalid(path, f"Invalid '{path}': {shown} not accepted. Here: {why or f'only {known}'}.")
    return given


def _message(fields: ResponsesFields, history: _History) -> None:
    role = fields.choice("role", ("system", "developer", "user", "assistant"))
    if role is None:
        raise invalid(fields.at("role"), f"Missing required parameter: '{fields.at('role')}'.")
    kinds = (_OUTPUT, _REFUSAL, _INPUT) if role == "assistant" else (_INPUT, _OUTPUT)
    content = _required(fields, "content", *kinds)
    fields.accept("id", "status", "phase")
    match role:
        case "assistant":
            history.answer(content)
        case "user":
            history.say("user", content)
        case _:
            history.developer = history.developer or role == "developer"
            history.say("system", content)


def _reasoning(fields: ResponsesFields, history: _History) -> None:
    if fields.take("encrypted_content"):
        path = fields.at("encrypted_content")
        why = "it was sealed by another server and cannot be read here: send the text of the thought, or leave it out"
        raise invalid(path, f"Unsupported parameter: '{path}'. Here: {why}.")
    summary, content = read_text(fields, "summary", _SUMMARY), read_text(fields, "content", _THOUGHT)
    fields.accept("id", "status")
    if text := content or summary:  # a summary stands in for a thought that was not given
        history.think(text)


def _function_call(fields: ResponsesFields, history: _History) -> None:
    call_id = required_id(fields, "call_id")
    arguments = fields.text("arguments")
    fields.accept("id", "status", "parsed_arguments")
    fields.limit("async", "caller")
    history.call(ToolCall(id=call_id, name=full_name(fields), arguments=arguments or "{}"), fields.at("name"))


def _function_call_output(fields: ResponsesFields, history: _History) -> None:
    call_id = required_id(fields, "call_id")
    output = _required(fields, "output", _INPUT, _OUTPUT)
    fields.accept("id", "status", "name", "namespace")
    fields.limit("caller")
    history.say("tool", output, call_id)


_READERS: Mapping[str, Callable[[ResponsesFields, _History], None]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "reasoning": _reasoning,
}


def full_name(fields: Fields) -> str:
    """The name under which the model knows a function: that of its namespace before it, if it has one."""
    name, space = tool_name(fields), optional_tool_name(fields, "namespace")
    return name if space is None else f"{space}.{name}"


def _required(fields: ResponsesFields, name: str, *kinds: PartKind) -> str:
    text = read_text(fields, name, *kinds)
    if text is None:
        raise invalid(fields.at(name), f"Missing required parameter: '{fields.at(name)}'.")
    return text
