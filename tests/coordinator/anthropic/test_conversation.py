"""Blocks -> messages: results and texts in order, the assistant's turn as one, what cannot be read by its name."""

import json
from typing import Any

import pytest

from coordinator.anthropic.conversation import BILLING_MARK, MAX_BLOCKS, read_conversation
from coordinator.anthropic.fields import MessagesFields
from coordinator.anthropic.tools import ToolChange
from coordinator.openai.images import NO_FILE, NO_PICTURE
from tests.coordinator.pictures import unseen
from wire.chat import MAX_CALLS, MAX_MESSAGES, Message, Tool, ToolCall
from wire.errors import ErrorCode, SupernetError

HI = Message(role="user", content="Hi")
EPHEMERAL = {"type": "ephemeral"}


def text(words: str, **rest: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **rest}


def use(call_id: Any = "c", **rest: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": "look", "input": {"at": "home"}, **rest}


def result(call_id: Any = "c", **rest: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": "seen", **rest}


def read(*messages: Any, system: Any = None) -> tuple[Message, ...]:
    return tuple(read_conversation(MessagesFields({"messages": list(messages), "system": system}), unseen()).messages)


def user(*blocks: Any) -> tuple[Message, ...]:
    return read({"role": "user", "content": list(blocks)})


def assistant(*blocks: Any) -> Message:
    (message,) = read({"role": "assistant", "content": list(blocks)})
    return message


def refused(param: str, *messages: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        read(*messages)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == param
    return caught.value


@pytest.mark.parametrize("system", ["Be brief.", [text("Be brief.", cache_control=EPHEMERAL)]])
def test_the_system_is_text_or_blocks_and_comes_first(system: Any) -> None:
    said = {"role": "user", "content": "Hi"}
    assert read(said, system=system) == (Message(role="system", content="Be brief."), HI)


def test_what_claude_code_writes_for_bills_is_kept_from_the_front_of_every_prompt() -> None:
    blocks = [text(f"{BILLING_MARK} cc_version=2.1.197.d55; cc_entrypoint=cli;"), text("One."), text("Two.")]
    said = {"role": "user", "content": "Hi"}
    assert read(said, system=blocks)[0].content == "One.\nTwo."
    assert read(said, system=blocks[:1]) == (HI,)


def test_a_system_message_stays_where_it_stands() -> None:
    late = {"role": "system", "content": [text("It rains.")]}
    assert read({"role": "user", "content": "Hi"}, late) == (HI, Message(role="system", content="It rains."))


def test_results_and_texts_of_one_message_follow_each_other_in_their_order() -> None:
    assert user(result("a"), result("b"), text("And"), text("now?")) == (
        Message(role="tool", content="seen", tool_call_id="a"),
        Message(role="tool", content="seen", tool_call_id="b"),
        Message(role="user", content="And\nnow?"),
    )
    assert [message.role for message in user(text("First"), result(), text("last"))] == ["user", "tool", "user"]
    assert user() == (Message(role="user", content=""),)


@pytest.mark.parametrize(
    ("block", "content"),
    [
        (result(content=[text("one", citations=[]), text("two")]), "one\ntwo"),
        (result(content=None), ""),
        (result(content="no such file", is_error=True), "Error: no such file"),
        (result(is_error=False, cache_control=EPHEMERAL, toolset_name="x"), "seen"),
        (
            result(content=[text("a picture:"), {"type": "image", "source": {"type": "base64", "data": "AAAA"}}]),
            f"a picture:\n{NO_PICTURE}",
        ),
        (result(content=[{"type": "document", "source": {}, "title": "t", "context": "c"}]), NO_FILE),
    ],
)
def test_a_result_is_text_and_says_what_is_not(block: Any, content: str) -> None:
    assert user(block) == (Message(role="tool", content=content, tool_call_id="c"),)


LOOK = {"name": "look", "input_schema": {"type": "object"}}


def test_tools_that_are_found_added_or_taken_away_on_the_way_are_changes() -> None:
    found = result(content=[{"type": "tool_reference", "tool_name": "seek"}])
    reference = {"type": "tool_reference", "name": "seek"}
    definition = {"type": "tool_definition", "definition": {**LOOK, "defer_loading": True}}
    changed = [
        {"type": "tool_addition", "tool": definition, "cache_control": EPHEMERAL},
        {"type": "tool_removal", "tool": reference},
        {"type": "tool_addition", "tool": reference},
    ]
    messages = [{"role": "user", "content": [found]}, {"role": "system", "content": changed}]
    read_as = read_conversation(MessagesFields({"messages": messages}), unseen())
    look = Tool(name="look", parameters={"type": "object"})
    assert read_as.changes == [
        ToolChange("seek", callable=True),
        ToolChange("look", callable=True, tool=look),
        ToolChange("seek", callable=False),
        ToolChange("seek", callable=True),
    ]
    (message,) = read_as.messages  # the templates show tools in front, so the system has nothing to say of them here
    assert message.content == "[the tool 'seek' can be called now]"


def test_the_turn_of_the_assistant_is_one_message() -> None:
    thought = {"type": "thinking", "thinking": "Hm.", "signature": "sealed"}
    sealed = {"type": "redacted_thinking", "data": "AAAA"}
    turn = assistant(
        thought, sealed, text("I "), text("look."), use("a"), use("b", input={}, caller={"type": "direct"})
    )
    assert (turn.reasoning, turn.content) == ("Hm.", "I look.")
    assert [(call.id, call.name, json.loads(call.arguments)) for call in turn.tool_calls] == [
        ("a", "look", {"at": "home"}),
        ("b", "look", {}),
    ]
    assert assistant(text("Hi")) == Message(role="assistant", content="Hi")
    assert assistant(use(input=None)).tool_calls == (ToolCall(id="c", name="look", arguments="{}"),)


def test_what_anthropics_servers_did_is_left_out_of_an_earlier_answer_and_said_once_for_each_type() -> None:
    search = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]}
    remote = {"type": "mcp_tool_use", "id": "m", "name": "x", "server_name": "y", "input": {}}
    body = MessagesFields(
        {"messages": [{"role": "assistant", "content": [search, found, search, found, remote, text("It rains.")]}]}
    )
    assert read_conversation(body, unseen()).messages == [Message(role="assistant", content="It rains.")]
    assert [warning.split("'")[1] for warning in body.warnings] == [
        "server_tool_use",
        "web_search_tool_result",
        "mcp_tool_use",
    ]


@pytest.mark.parametrize(
    ("param", "message"),
    [
        ("messages[0].role", {"content": "x"}),
        ("messages[0].role", {"role": "tool", "content": "x"}),
        ("messages[0].content", {"role": "user"}),
        ("messages[0].content", {"role": "user", "content": 7}),
        ("messages[0].content", {"role": "user", "content": [text("x")] * (MAX_BLOCKS + 1)}),
        ("messages[0].content[0]", {"role": "user", "content": ["x"]}),
        ("messages[0].content[0].type", {"role": "user", "content": [{"type": "image", "source": {}}]}),
        ("messages[0].content[0].type", {"role": "user", "content": [use()]}),
        ("messages[0].content[0].type", {"role": "assistant", "content": [result()]}),
        ("messages[0].content[0].type", {"role": "system", "content": [result()]}),
        ("messages[0].content[0].text", {"role": "user", "content": [{"type": "text"}]}),
        ("messages[0].content[0].input", {"role": "assistant", "content": [use(input="{}")]}),
        ("messages[0].content[0].id", {"role": "assistant", "content": [use(None)]}),
        ("messages[0].content[0].name", {"role": "assistant", "content": [use(name="a b")]}),
        (f"messages[0].content[{MAX_CALLS}].type", {"role": "assistant", "content": [use()] * (MAX_CALLS + 1)}),
        ("messages[0].content[0].tool_use_id", {"role": "user", "content": [result(None)]}),
        ("messages[0].content[0].content[0].type", {"role": "user", "content": [result(content=[{"type": "video"}])]}),
        ("messages[0].content[0].tool", {"role": "system", "content": [{"type": "tool_addition"}]}),
        (
            "messages[0].content[0].tool.definition",
            {"role": "system", "content": [{"type": "tool_addition", "tool": {"type": "tool_definition"}}]},
        ),
        (
            "messages[0].content[0].tool.type",
            {"role": "system", "content": [{"type": "tool_removal", "tool": {"type": "tool_definition"}}]},
        ),
        (
            "messages[0].content[0].content[0].tool_name",
            {"role": "user", "content": [result(content=[{"type": "tool_reference"}])]},
        ),
        ("messages[0].content[0].wish", {"role": "user", "content": [text("x", wish=1)]}),
        ("messages[0].wish", {"role": "user", "content": "x", "wish": 1}),
        ("messages", {"role": "user", "content": [result()] * (MAX_MESSAGES + 1)}),
    ],
)
def test_what_cannot_be_read_is_named(param: str, message: Any) -> None:
    assert f"'{param}'" in refused(param, message).message


def test_there_must_be_a_message() -> None:
    refused("messages")


SEARCHED = {
    "type": "search_result",
    "title": "Weather",
    "source": "https://example.org/",
    "content": [text("18 degrees.", citations=[]), text("Rain.")],
    "citations": {"enabled": True},
    "cache_control": EPHEMERAL,
}


def test_what_the_clients_search_has_found_is_text_with_its_title_and_source() -> None:
    found = "Weather (https://example.org/)\n18 degrees.\nRain."
    assert user(SEARCHED, text("Sum it up.")) == (Message(role="user", content=f"{found}\nSum it up."),)
    assert user(result(content=[SEARCHED]))[0].content == found
    refused("messages[0].content[0].type", {"role": "assistant", "content": [SEARCHED]})
    refused("messages[0].content[0].wish", {"role": "user", "content": [SEARCHED | {"wish": 1}]})


def test_what_a_browser_shows_is_told_as_it_is_sent() -> None:
    state = {"type": "browser_state", "tabs": [{"tab_id": "t", "url": "about:blank", "active": True}]}
    told = '{"tabs": [{"tab_id": "t", "url": "about:blank", "active": true}]}'
    assert user(result(content=[text("Done."), state]))[0].content == f"Done.\n{told}"


def test_a_tool_of_anthropic_that_is_added_on_the_way_is_left_out_and_said() -> None:
    added = {"type": "tool_definition", "definition": {"type": "web_search_20250305", "name": "web_search"}}
    late = {"role": "system", "content": [{"type": "tool_addition", "tool": added}, text("Search.")]}
    fields = MessagesFields({"messages": [{"role": "user", "content": "Hi"}, late]})
    assert read_conversation(fields, unseen()).changes == []
    (warning,) = fields.warnings
    assert "'web_search_20250305'" in warning
