"""The conversation: `system` and `messages`, whose content is text or typed blocks -> the wire's messages.

A message of the user may hold results of tools beside its text: each becomes a message of its own, in the order of the
blocks. Blocks of a user or of the system are set apart by a line's end, because clients write each as a paragraph;
those of the assistant are joined as they were made, so that an answer that is sent back is the text that the model
wrote, and its prefix is found again. A picture stands at the end of the block before it, which often says its number.

A thought sent back goes into the history, and the model's template decides whether it is shown again. What Anthropic's
servers did within an answer (a search, its results) is left out of it, and the answer says so.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Literal

from coordinator.anthropic.answer import READERS, read_answer
from coordinator.anthropic.content import Said, picture_of_a_tool, read_picture
from coordinator.anthropic.fields import Block, MessagesFields
from coordinator.anthropic.tools import ToolChange, read_tool
from coordinator.openai.fields import kind
from coordinator.openai.images import NO_FILE, Pictures
from coordinator.openai.messages import optional_tool_name, required_id, tool_name
from coordinator.openai.tools import MAX_TYPE_CHARS
from wire.chat import MAX_MESSAGES, Message
from wire.errors import invalid

MAX_BLOCKS = 4096  # of one message
_OF_THE_USER = ("tool_result", "search_result")

# Claude Code's mark for Anthropic's bills. It changes with the beginning of each conversation, and in front of all else
# it would keep every prefix from being found again.
BILLING_MARK = "x-anthropic-billing-header:"


@dataclass
class Conversation:
    """The messages, and what they say of tools that were found, added or taken away on the way. `left_out`: the types
    of blocks that are not in the messages."""

    pictures: Pictures
    messages: list[Message] = field(default_factory=list)
    changes: list[ToolChange] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_conversation(body: MessagesFields, pictures: Pictures) -> Conversation:
    """`system` and `messages`. Raises SupernetError."""
    found = Conversation(pictures)
    if system := _system(body):
        found.messages.append(Message(role="system", content=system))
    raw = body.array("messages", MAX_MESSAGES)
    if not raw:
        raise invalid("messages", "Missing required parameter: 'messages' must hold at least one message.")
    for index, item in enumerate(raw):
        _message(MessagesFields(item, f"messages[{index}]"), found)
    for given in found.left_out:
        body.warn(f"blocks of type '{given}' in 'messages' were left out: nothing of that kind is done here")
    if (count := len(found.messages)) > MAX_MESSAGES:
        message = f"Invalid 'messages': {count} turns and results, at most {MAX_MESSAGES} are accepted."
        raise invalid("messages", message)
    return found


def _system(body: MessagesFields) -> str:
    texts = [block for block in _blocks(body, "system", ()) or [] if isinstance(block, str)]
    return "\n".join(text for text in texts if not text.startswith(BILLING_MARK))


def _message(fields: MessagesFields, found: Conversation) -> None:
    role = fields.choice("role", ("user", "assistant", "system"))
    if role is None:
        raise invalid(fields.at("role"), f"Missing required parameter: '{fields.at('role')}'.")
    known: Mapping[str, tuple[str, ...]] = {
        "assistant": tuple(READERS),
        "user": ("image", *_OF_THE_USER) if found.pictures.seen else _OF_THE_USER,
        "system": ("tool_addition", "tool_removal"),
    }
    no_picture = "" if role != "user" or found.pictures.seen else found.pictures.text_only
    blocks = _blocks(fields, "content", known[role], no_picture)
    if blocks is None:
        raise invalid(fields.at("content"), f"Missing required parameter: '{fields.at('content')}'.")
    fields.finish()
    if role == "assistant":
        message, compacted = read_answer(blocks, found.left_out)
        if compacted:  # on Anthropic's servers too what was before it is not shown again, and the conversation fits
            found.messages = list(takewhile(lambda one: one.role == "system", found.messages))
        found.messages.append(message)
    else:
        _said("user" if role == "user" else "system", blocks, found)


def _blocks(fields: MessagesFields, name: str, known: tuple[str, ...], no_picture: str = "") -> list[Block] | None:
    """The blocks of a content, texts read, others of a type in `known`. None if the content is missing. `no_picture`:
    why there can be none of a picture, if not because of its place."""
    value, path = fields.take(name), fields.at(name)
    if value is None:
        return None
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise invalid(path, f"Invalid type for '{path}': expected a string or an array of blocks, got {kind(value)}.")
    if len(value) > MAX_BLOCKS:
        raise invalid(path, f"Invalid '{path}': {len(value)} blocks, at most {MAX_BLOCKS} are accepted.")
    return [_block(MessagesFields(item, f"{path}[{index}]"), known, no_picture) for index, item in enumerate(value)]


def _block(fields: MessagesFields, known: tuple[str, ...], no_picture: str) -> Block:
    given: Any = fields.take("type")
    if given == "text":
        return _text(fields)
    if given not in known:
        path = fields.at("type")
        shown = f"'{given}' blocks are" if isinstance(given, str) and len(given) <= 40 else "this block is"
        why = "only " + ", ".join(f"'{one}'" for one in ("text", *known))
        if given == "image":
            why = no_picture or "pictures are shown in messages of the user and in a tool's result: send it there"
        raise invalid(path, f"Invalid '{path}': {shown} not accepted here: {why}.")
    return _search_result(fields) if given == "search_result" else (given, fields)


def _text(fields: MessagesFields) -> str:
    text = fields.text("text")
    if text is None:
        raise invalid(fields.at("text"), f"Missing required parameter: '{fields.at('text')}'.")
    fields.accept("cache_control", "citations")
    fields.finish()
    return text


def _search_result(fields: MessagesFields) -> str:
    """Something that the client's own search has found, under its title and where it is from."""
    title, source = fields.text("title") or "", fields.text("source") or ""
    texts = [block for block in _blocks(fields, "content", ()) or [] if isinstance(block, str)]
    fields.accept("cache_control", "citations")
    fields.finish()
    return "\n".join([f"{title} ({source})" if source else title, *texts])


# ---- what a user or the system said ----------------------------------------------------------------------------------


def _said(role: Literal["user", "system"], blocks: list[Block], found: Conversation) -> None:
    said = Said()
    for block in blocks:
        if isinstance(block, str):
            said.add(block)
        elif block[0] == "image":
            said.add(read_picture(block[1], found.pictures))
        elif block[0] == "tool_result":
            if not said.empty:
                found.messages.append(said.message(role))
                said = Said()
            found.messages.append(_result(block[1], found))
        else:
            _change(block[1], found, callable=block[0] == "tool_addition")
    if not said.empty or not blocks:
        found.messages.append(said.message(role))


def _change(fields: MessagesFields, found: Conversation, *, callable: bool) -> None:
    """A tool that can be called from here on, or no more: by its name, or with what it is. One that is not the client's
    own is left out, as it is of `tools`."""
    inner = fields.inner("tool")
    if inner is None:
        raise invalid(fields.at("tool"), f"Missing required parameter: '{fields.at('tool')}'.")
    fields.accept("cache_control")
    fields.finish()
    kinds = ("tool_reference", "tool_definition") if callable else ("tool_reference",)
    if inner.choice("type", kinds) == "tool_definition":
        definition = inner.inner("definition")
        if definition is None:
            raise invalid(inner.at("definition"), f"Missing required parameter: '{inner.at('definition')}'.")
        inner.finish()
        given: Any = definition.take("type")
        if given not in (None, "custom"):
            definition.leave()
            found.left_out.append(str(given)[:MAX_TYPE_CHARS])
            return
        definition.accept("defer_loading")
        tool = read_tool(definition)
        found.changes.append(ToolChange(tool.name, callable=True, tool=tool))
        return
    name = tool_name(inner)
    inner.finish()
    found.changes.append(ToolChange(name, callable=callable))


def _result(fields: MessagesFields, found: Conversation) -> Message:
    """A tool's result. Templates have no place for `is_error`, so the text says it."""
    call_id = required_id(fields, "tool_use_id")
    blocks = _blocks(fields, "content", ("image", "document", "tool_reference", "search_result", "browser_state")) or []
    said = Said()
    for block in blocks:
        if isinstance(block, str):
            said.add(block)
        elif block[0] == "image":
            said.add(picture_of_a_tool(block[1], found.pictures))
        else:
            said.add(_in_words(*block, found))
    failed = fields.flag("is_error")
    fields.accept("cache_control", "toolset_name")
    fields.finish()
    return said.message("tool", "Error: " if failed else "", call_id)


def _in_words(given: str, fields: MessagesFields, found: Conversation) -> str:
    """A tool that a search has found, what a browser shows, or a document that the model is told it does not see."""
    if given == "tool_reference":
        name = optional_tool_name(fields, "tool_name")
        if name is None:
            raise invalid(fields.at("tool_name"), f"Missing required parameter: '{fields.at('tool_name')}'.")
        fields.accept("cache_control")
        fields.finish()
        found.changes.append(ToolChange(name, callable=True))
        return f"[the tool '{name}' can be called now]"
    if given == "browser_state":
        state = {name: fields.take(name) for name in ("tabs", "state_changes")}
        fields.accept("cache_control")
        fields.finish()
        return json.dumps({name: value for name, value in state.items() if value is not None}, ensure_ascii=False)
    fields.accept("source", "title", "context", "cache_control", "citations")
    fields.finish()
    return NO_FILE
