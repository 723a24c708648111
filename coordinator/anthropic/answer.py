"""One message of the assistant, as it is sent back: text, thoughts, calls, and what Anthropic's servers did in it."""

import json
from collections.abc import Callable, Mapping
from functools import partial

from coordinator.anthropic.fields import Block, MessagesFields
from coordinator.openai.fields import kind
from coordinator.openai.messages import required_id, tool_name
from wire.chat import MAX_CALLS, Message, ToolCall
from wire.errors import invalid


class _Turn:
    """One message of the assistant while its blocks are read."""

    def __init__(self, left_out: list[str]) -> None:
        self.content: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[ToolCall] = []
        self.compacted = False
        self.left_out = left_out


def read_answer(blocks: list[Block], left_out: list[str]) -> tuple[Message, bool]:
    """The blocks as one message, and whether it holds a summary of all before it. Raises SupernetError."""
    turn = _Turn(left_out)
    for block in blocks:
        if isinstance(block, str):
            turn.content.append(block)
        else:
            given, fields = block
            READERS[given](fields, turn)
            fields.finish()
    message = Message(
        role="assistant",
        content="".join(turn.content),
        reasoning="\n".join(turn.reasoning) if turn.reasoning else None,
        tool_calls=tuple(turn.calls),
    )
    return message, turn.compacted


def _compaction(fields: MessagesFields, turn: _Turn) -> None:
    """A summary of all before it; without text it is one that failed, and everything stands."""
    if summary := fields.text("content"):
        turn.content.append(f"{summary}\n\n")
        turn.compacted = True
    fields.accept("cache_control", "encrypted_content", "signature", "tool_changes")


def _thinking(fields: MessagesFields, turn: _Turn) -> None:
    if thought := fields.text("thinking"):
        turn.reasoning.append(thought)
    fields.accept("signature")


def _redacted(fields: MessagesFields, turn: _Turn) -> None:
    fields.accept("data")


def _tool_use(fields: MessagesFields, turn: _Turn) -> None:
    if len(turn.calls) == MAX_CALLS:
        raise invalid(fields.at("type"), f"Invalid '{fields.at('type')}': at most {MAX_CALLS} calls in one turn.")
    call_id, name, given = required_id(fields, "id"), tool_name(fields), fields.take("input")
    if given is not None and not isinstance(given, dict):
        path = fields.at("input")
        raise invalid(path, f"Invalid type for '{path}': expected an object, got {kind(given)}.")
    fields.accept("cache_control", "toolset_name", "caller")
    turn.calls.append(ToolCall(id=call_id, name=name, arguments=json.dumps(given or {}, ensure_ascii=False)))


def _done_elsewhere(given: str, fields: MessagesFields, turn: _Turn) -> None:
    fields.leave()
    turn.left_out.append(given)


# What Anthropic's servers do by themselves within an answer, and send to the client to be sent back.
_DONE_ELSEWHERE = (
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "mcp_tool_listing",
    "container_upload",
)
READERS: Mapping[str, Callable[[MessagesFields, _Turn], None]] = {
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "compaction": _compaction,
    **{given: partial(_done_elsewhere, given) for given in _DONE_ELSEWHERE},
}
