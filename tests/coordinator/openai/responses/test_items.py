"""Items -> messages: turns of the assistant are put together, everything is kept, what cannot be read is named."""

from typing import Any

import pytest

from coordinator.openai.messages import MAX_MESSAGES
from coordinator.openai.responses.fields import ACCEPTED, ResponsesFields
from coordinator.openai.responses.items import MAX_ITEMS, read_input
from wire.chat import MAX_CALLS, Message, ToolCall
from wire.errors import ErrorCode, SupernetError

USER = {"role": "user", "content": "Hi"}
HI = Message(role="user", content="Hi")


def read(*items: Any, instructions: str | None = None) -> tuple[Message, ...]:
    return read_input(ResponsesFields({"input": list(items)}), instructions)[0]


def refused(param: str, *items: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        read(*items)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == param
    return caught.value


def said(content: str, **rest: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": content}], **rest}


def thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "id": "rs", "summary": [], "content": [{"type": "reasoning_text", "text": text}]}


def call(call_id: str, **rest: Any) -> dict[str, Any]:
    return {"type": "function_call", "call_id": call_id, "name": "look", "arguments": "{}", **rest}


def output(call_id: str, text: Any = "seen") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": text}


def turn(content: str = "", reasoning: str | None = None, *calls: str, name: str = "look") -> Message:
    made = tuple(ToolCall(id=each, name=name, arguments="{}") for each in calls)
    return Message(role="assistant", content=content, reasoning=reasoning, tool_calls=made)


def result(call_id: str, content: str = "seen") -> Message:
    return Message(role="tool", content=content, tool_call_id=call_id)


def test_a_string_is_what_the_user_says_and_instructions_come_first() -> None:
    body = ResponsesFields({"input": "Hi"})
    assert read_input(body, "Be brief.") == ((Message(role="system", content="Be brief."), HI), False)


def test_a_developer_is_the_system_and_is_noticed() -> None:
    items = [{"role": "developer", "content": "Code."}, USER]
    messages, developer = read_input(ResponsesFields({"input": items}), None)
    assert messages == (Message(role="system", content="Code."), HI)
    assert developer


def test_parts_are_joined() -> None:
    parts = [{"type": "input_text", "text": "H"}, {"type": "input_text", "text": "i"}]
    assert read({"role": "user", "content": parts}) == (HI,)


@pytest.mark.parametrize(
    ("items", "messages"),
    [
        ([thought("Hm."), said("Yes.")], [turn("Yes.", "Hm.")]),
        ([thought("Hm."), said("I look."), call("a")], [turn("I look.", "Hm.", "a")]),
        ([call("a"), call("b"), output("a"), output("b")], [turn("", None, "a", "b"), result("a"), result("b")]),
        ([call("a"), output("a"), call("b"), output("b")], [turn("", None, "a"), result("a"), turn("", None, "b")]),
        ([call("a"), thought("More."), call("b")], [turn("", "More.", "a", "b")]),
        ([call("a"), said("after"), output("a")], [turn("after", None, "a"), result("a")]),
        ([said("One."), said("Two.")], [turn("One."), turn("Two.")]),
        ([said("One."), thought("Hm."), said("Two.")], [turn("One."), turn("Two.", "Hm.")]),
        ([thought("a"), thought("b"), said("c")], [turn("c", "a\nb")]),
        ([said("One."), USER, said("Two.")], [turn("One."), HI, turn("Two.")]),
        ([thought("cut off")], [turn("", "cut off")]),
    ],
)
def test_items_of_one_turn_become_one_message(items: list[Any], messages: list[Message]) -> None:
    assert list(read(*items))[: len(messages)] == messages


def test_a_thought_is_its_text_or_its_summary() -> None:
    summary = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "short"}]}
    assert read(summary) == (turn("", "short"),)
    both = {**summary, "content": [{"type": "reasoning_text", "text": "long"}]}
    assert read(both) == (turn("", "long"),)
    assert read(USER, {"type": "reasoning", "summary": [], "encrypted_content": None}) == (HI,)


def test_a_sealed_thought_is_refused_with_the_reason() -> None:
    error = refused("input[0].encrypted_content", {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"})
    assert "another server" in error.message


def test_a_call_in_a_namespace_has_the_name_that_the_model_knows() -> None:
    assert read(call("a", namespace="eyes")) == (turn("", None, "a", name="eyes.look"),)


def test_the_output_of_a_call_may_be_parts() -> None:
    assert read(output("a", [{"type": "input_text", "text": "se"}, {"type": "input_text", "text": "en"}])) == (
        result("a"),
    )


def test_an_old_answer_may_be_a_string_or_a_refusal() -> None:
    assert read({"role": "assistant", "content": "No."}) == (turn("No."),)
    assert read({"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]}) == (turn("No."),)


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ("Hi", "input[0]"),
        ({}, "input[0].role"),
        ({"role": "tool", "content": "x"}, "input[0].role"),
        ({"role": "user"}, "input[0].content"),
        ({"role": "user", "content": 1}, "input[0].content"),
        ({"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}, "input[0].content[0].type"),
        ({"role": "user", "content": [{"type": "refusal", "refusal": "x"}]}, "input[0].content[0].type"),
        ({"role": "user", "content": "x", "name": "me"}, "input[0].name"),
        ({"type": "item_reference", "id": "msg_1"}, "input[0].type"),
        ({"type": "compaction", "encrypted_content": "x"}, "input[0].type"),
        ({"type": "web_search_call", "id": "ws_1"}, "input[0].type"),
        ({"type": ["message"]}, "input[0].type"),
        ({"type": "function_call", "call_id": "a", "arguments": "{}"}, "input[0].name"),
        (call("a", namespace="a b"), "input[0].namespace"),
        ({"type": "function_call", "name": "look", "arguments": "{}"}, "input[0].call_id"),
        (call("a", caller={"type": "program", "caller_id": "x"}), "input[0].caller"),
        (output("a", None), "input[0].output"),
        (output("a", [{"type": "input_image", "image_url": "x"}]), "input[0].output[0].type"),
        ({"type": "function_call_output", "output": "x"}, "input[0].call_id"),
    ],
)
def test_what_cannot_be_read_is_named(item: Any, param: str) -> None:
    refused(param, item)


def test_a_reference_to_what_was_never_stored_says_what_to_send() -> None:
    assert "send the item itself" in refused("input[0].type", {"type": "item_reference", "id": "msg_1"}).message


@pytest.mark.parametrize("value", [None, [], 1, {}])
def test_input_must_be_there(value: Any) -> None:
    with pytest.raises(SupernetError) as caught:
        read_input(ResponsesFields({"input": value}), "Instructions alone are no question.")
    assert caught.value.param == "input"


def test_items_turns_and_calls_are_bounded() -> None:
    assert len(read(*[USER] * MAX_MESSAGES)) == MAX_MESSAGES
    refused("input", *[USER] * (MAX_MESSAGES + 1))
    refused("input", *[USER] * (MAX_ITEMS + 1))
    assert len(read(*[call(str(i)) for i in range(MAX_CALLS)])[0].tool_calls) == MAX_CALLS
    refused(f"input[{MAX_CALLS}].name", *[call(str(i)) for i in range(MAX_CALLS + 1)])


@pytest.mark.parametrize("path", [path for path in ACCEPTED if path.startswith("input[].")])
def test_marks_of_items_are_let_through_and_change_nothing(path: str) -> None:
    def items() -> list[dict[str, Any]]:
        results = [output(name, [{"type": f"{name}_text", "text": "x"}]) for name in ("input", "output")]
        made = [USER, call("input"), call("output"), *results, said("y"), thought("z")]
        return [*made, {"role": "user", "content": [{"type": "input_text", "text": "w"}]}]

    steps = path.removeprefix("input[].").split(".")
    marked = 0
    for index, item in enumerate(items()):
        changed = {**item}
        if len(steps) == 1:
            if steps[0] in item:
                continue
            changed[steps[0]] = "x"
        else:
            key = steps[0].removesuffix("[]")
            if not isinstance(item.get(key), list):
                continue
            changed[key] = [{**part, steps[1]: []} for part in item[key]]
        marks = [*items()[:index], changed, *items()[index + 1 :]]
        try:
            assert read(*marks) == read(*items()) or steps == ["namespace"]
            marked += 1
        except SupernetError as error:  # this kind of item has no such mark
            assert error.param is not None
            assert error.param.startswith(f"input[{index}]")
    assert marked
