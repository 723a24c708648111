"""The conversation: the items of `input` -> the wire's messages.

Here a turn of the assistant is several items (its thought, its text, each of its calls); the wire, as the templates,
has one message for it. Items that follow each other are joined into one, until somebody else speaks, or a thought or
text begins after text, which is how two turns in a row look. After a call everything joins: its output must come next.

A thought sent back in plain text goes into the history, and the model's template decides whether it is shown again.

A client that changes its provider in the middle sends back what another server's own tools did. Calls that are answered
in the history (of a custom tool, of the local shell, a picture) are shown to the model as calls of a function; what has
no answer beside it (a search, a sealed thought) is left out, and the answer says so.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic_core import to_json

from coordinator.attachment import Attachment
from coordinator.openai.attachments import read_audio, read_file_fields
from coordinator.openai.fields import Fields, kind
from coordinator.openai.images import DETAILS, NO_FILE, Pictures, Sent, Unreadable, file_of, from_uri
from coordinator.openai.messages import (
    MAX_ID_CHARS,
    custom_call,
    optional_id,
    optional_tool_name,
    read_arguments,
    required_id,
    tool_name,
)
from coordinator.openai.parts import Content, PartKind, picture_kind, read_content, read_text
from coordinator.openai.responses.drawings import job_of
from coordinator.openai.responses.fields import ResponsesFields
from coordinator.openai.tools import MAX_TYPE_CHARS
from wire.chat import MAX_CALLS, MAX_MESSAGES, Message, ToolCall
from wire.errors import SupernetError, invalid
from wire.media import MAX_IMAGE_BYTES

MAX_ITEMS = 2 * MAX_MESSAGES  # a thought, a call and its output are three items and two messages

_INPUT = PartKind("input_text", "text", ("prompt_cache_breakpoint",))
_OUTPUT = PartKind("output_text", "text", ("annotations", "logprobs", "parsed"))
_REFUSAL = PartKind("refusal", "refusal")
_FILE = PartKind("input_file", instead=NO_FILE)  # in a tool's result
_FILES = (PartKind("input_audio", attached=read_audio), PartKind("input_file", attached=read_file_fields))
_SUMMARY = PartKind("summary_text", "text")
_THOUGHT = PartKind("reasoning_text", "text")

DRAWN = "Drawn, and shown to the user."

_REFUSED_ITEMS: Mapping[str, str] = {
    "item_reference": "nothing is stored, so nothing can be referred to: send the item itself (in many clients: set "
    "'store' to false)",
    "compaction": "it is sealed by another server: send the items themselves, or a summary as a message",
}


def read_input(body: ResponsesFields, instructions: str | None, pictures: Pictures) -> tuple[tuple[Message, ...], bool]:
    """The instructions and `input` as messages, and whether one was a developer's. Raises SupernetError."""
    history = _History(pictures)
    if instructions:
        history.say("system", Content(instructions))
    value = body.take("input")
    if value is None or value == []:
        raise invalid("input", "Missing required parameter: 'input' must be a string or hold at least one item.")
    if isinstance(value, str):
        history.say("user", Content(value))
    elif isinstance(value, list):
        if len(value) > MAX_ITEMS:
            raise invalid("input", f"Invalid 'input': {len(value)} items, at most {MAX_ITEMS} are accepted.")
        for index, item in enumerate(value):
            _read(ResponsesFields(item, f"input[{index}]"), history)
        for warning in history.warnings:
            body.warn(warning)
        if not history.messages()[bool(instructions) :]:
            raise invalid("input", "Invalid 'input': it holds nothing that can be read here, such as a message.")
    else:
        raise invalid("input", f"Invalid type for 'input': expected a string or an array of items, got {kind(value)}.")
    return history.messages(), history.developer


class _History:
    """The messages so far, and the turn of the assistant that is still open."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self.developer = False
        self.warnings: list[str] = []
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

    def say(self, role: Literal["system", "user", "tool"], said: Content, call_id: str | None = None) -> None:
        self._close()
        message = Message(role=role, content=said.text, images=said.images, tool_call_id=call_id)
        self.pictures.attach(len(self._messages), said.attachments)
        self._messages.append(message)

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


def _read(fields: ResponsesFields, history: _History) -> None:
    """Read one item. A message may leave its type out."""
    given: Any = fields.take("type")
    kind = "message" if given is None else given
    if not isinstance(kind, str):
        raise fields.wrong_type("type", "a string", kind)
    if kind in _REFUSED_ITEMS:
        path = fields.at("type")
        raise invalid(path, f"Invalid '{path}': '{kind}' items are not accepted. Here: {_REFUSED_ITEMS[kind]}.")
    reader = _READERS.get(kind)
    if reader is not None:
        reader(fields, history)
        fields.finish()
        return
    fields.leave()
    shown = kind[:MAX_TYPE_CHARS]
    history.warnings.append(f"items of type '{shown}' in 'input' were left out: nothing of that kind is done here")


def _message(fields: ResponsesFields, history: _History) -> None:
    role = fields.choice("role", ("system", "developer", "user", "assistant"))
    if role is None:
        raise invalid(fields.at("role"), f"Missing required parameter: '{fields.at('role')}'.")
    kinds = (_OUTPUT, _REFUSAL, _INPUT) if role == "assistant" else (_INPUT, _OUTPUT)
    files = _FILES if role == "user" else ()
    content = _required(fields, "content", role, history.pictures, *kinds, *files)
    fields.accept("id", "status", "phase")
    match role:
        case "assistant":
            history.answer(content.text)
        case "user":
            history.say("user", content)
        case _:
            history.developer = history.developer or role == "developer"
            history.say("system", content)


def _reasoning(fields: ResponsesFields, history: _History) -> None:
    sealed = fields.text("encrypted_content")
    summary, content = read_text(fields, "summary", _SUMMARY), read_text(fields, "content", _THOUGHT)
    fields.accept("id", "status")
    if text := content or summary:  # a summary stands in for a thought that was not given
        history.think(text)
    elif sealed:
        history.warnings.append("thoughts that another server sealed were left out: they cannot be read here")


def _function_call(fields: ResponsesFields, history: _History) -> None:
    call_id = required_id(fields, "call_id")
    arguments = read_arguments(fields)
    fields.accept("id", "status", "parsed_arguments", "async", "caller")
    history.call(ToolCall(id=call_id, name=full_name(fields), arguments=arguments), fields.at("name"))


def _function_call_output(fields: ResponsesFields, history: _History) -> None:
    call_id = required_id(fields, "call_id")
    output = _required(fields, "output", "tool", history.pictures, _INPUT, _OUTPUT, _FILE)
    fields.accept("id", "status", "name", "namespace", "caller")
    history.say("tool", output, call_id)


def _picture(fields: ResponsesFields, history: _History) -> None:
    """A picture that was drawn for an earlier answer: shown to the model as a call and its output, with a handle where
    a tool can work with it. It may be named by the id that it has here alone."""
    name, path = fields.text("id") or "", fields.at("result")
    prompt, result = fields.text("revised_prompt") or "", fields.text("result")
    edited = fields.choice("action", ("auto", "generate", "edit")) == "edit"
    fields.accept("status", "background", "output_format", "quality", "size", "error", "svg_usage")
    job, file = job_of(name), b""
    if result:
        sent = Sent(path, "image/png", result)
        history.pictures.count(sent)
        try:
            file = file_of(sent, MAX_IMAGE_BYTES)
        except Unreadable as error:
            history.warnings.append(f"a picture of an earlier answer was left out. {error.message}")
    if not job and not file:
        history.warnings.append("pictures of earlier answers that are not to be had here were left out: send 'result'")
        return
    call_id = name if 0 < len(name) <= MAX_ID_CHARS else "call_of_a_picture"
    tool = "sogni_edit_image" if edited else "sogni_generate_image"
    history.call(ToolCall(id=call_id, name=tool, arguments=to_json({"prompt": prompt}).decode()), path)
    drawn = Attachment(path, None, "image", file, job=job)
    history.say("tool", Content(DRAWN, attachments=(drawn,)), call_id)


def _custom_tool_call(fields: ResponsesFields, history: _History) -> None:
    call_id = required_id(fields, "call_id")
    fields.accept("id", "status", "namespace", "caller")
    history.call(custom_call(fields, call_id), fields.at("name"))


def _shell_call(name: str) -> Callable[[ResponsesFields, _History], None]:
    """A reader of calls whose arguments are the object `action`."""

    def read(fields: ResponsesFields, history: _History) -> None:
        call_id, action = required_id(fields, "call_id"), fields.take("action")
        if not isinstance(action, dict):
            raise fields.wrong_type("action", "an object", action)
        fields.accept("id", "status")
        history.call(ToolCall(id=call_id, name=name, arguments=to_json(action).decode()), fields.at("call_id"))

    return read


def _local_shell_output(fields: ResponsesFields, history: _History) -> None:
    """The documents call its call `id`, and clients `call_id`."""
    call_id = optional_id(fields, "call_id") or required_id(fields, "id")
    fields.accept("id", "status")
    history.say("tool", _required(fields, "output", "tool", history.pictures, _INPUT, _OUTPUT, _FILE), call_id)


_READERS: Mapping[str, Callable[[ResponsesFields, _History], None]] = {
    "message": _message,
    "function_call": _function_call,
    "function_call_output": _function_call_output,
    "reasoning": _reasoning,
    "image_generation_call": _picture,
    "custom_tool_call": _custom_tool_call,
    "custom_tool_call_output": _function_call_output,
    "local_shell_call": _shell_call("local_shell"),
    "local_shell_call_output": _local_shell_output,
}


def full_name(fields: Fields) -> str:
    """The name under which the model knows a function: that of its namespace before it, if it has one."""
    name, space = tool_name(fields), optional_tool_name(fields, "namespace")
    return name if space is None else f"{space}.{name}"


def _required(fields: ResponsesFields, name: str, role: str, pictures: Pictures, *kinds: PartKind) -> Content:
    """The texts of these kinds, and the pictures, as far as this role has any."""
    picture = picture_kind(role, pictures, "input_image", _input_image, "prompt_cache_breakpoint")
    content = read_content(fields, name, pictures, *kinds, picture)
    if content is None:
        raise invalid(fields.at(name), f"Missing required parameter: '{fields.at(name)}'.")
    return content


def _input_image(fields: Fields) -> Sent:
    url, detail = fields.text("image_url"), fields.choice("detail", tuple(DETAILS))
    path = fields.at("image_url")
    try:
        fields.refuse({"file_id": "nothing is stored: send the file itself in 'image_url'"})
    except SupernetError as error:
        raise Unreadable(fields.at("file_id"), error.message) from None
    if url is None:
        raise invalid(path, f"Missing required parameter: '{path}'.")
    return from_uri(path, url, detail)
