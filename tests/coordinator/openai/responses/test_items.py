"""Items -> messages: turns of the assistant are put together, everything is kept, what cannot be read is named."""

from typing import Any

import pytest

from coordinator.attachment import Attachment
from coordinator.openai.images import NO_FILE, NO_PICTURE, Pictures
from coordinator.openai.responses.fields import ACCEPTED, ResponsesFields
from coordinator.openai.responses.items import DRAWN, MAX_ITEMS, read_input
from tests.coordinator.pictures import PNG, input_image, shown, unseen, uri
from wire.chat import MAX_CALLS, MAX_MESSAGES, Message, ToolCall
from wire.errors import ErrorCode, SupernetError
from wire.pictures import MAX_PICTURES, UNREADABLE

USER = {"role": "user", "content": "Hi"}
HI = Message(role="user", content="Hi")


def read(*items: Any, instructions: str | None = None) -> tuple[Message, ...]:
    return read_input(ResponsesFields({"input": list(items)}), instructions, unseen())[0]


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
    assert read_input(body, "Be brief.", unseen()) == ((Message(role="system", content="Be brief."), HI), False)


def test_a_developer_is_the_system_and_is_noticed() -> None:
    items = [{"role": "developer", "content": "Code."}, USER]
    messages, developer = read_input(ResponsesFields({"input": items}), None, unseen())
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


def warned(*items: Any) -> tuple[str, ...]:
    body = ResponsesFields({"input": [USER, *items]})
    read_input(body, None, unseen())
    return body.warnings


SEALED = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}


def test_a_sealed_thought_is_left_out_and_the_answer_says_so() -> None:
    assert read(USER, SEALED, said("y")) == (HI, turn("y"))
    assert warned(SEALED, SEALED) == ("thoughts that another server sealed were left out: they cannot be read here",)
    readable = {**SEALED, "summary": [{"type": "summary_text", "text": "why"}]}
    assert read(USER, readable, said("y")) == (HI, turn("y", "why"))
    assert warned(readable) == ()


def test_what_a_tool_of_another_server_did_is_left_out_and_the_answer_says_so() -> None:
    for kind in ("web_search_call", "tool_search_call", "mcp_list_tools", "x" * 1000):
        item = {"type": kind, "id": "ws_1", "status": "completed", "action": {"type": "search"}}
        assert read(USER, item, said("y")) == (HI, turn("y"))
        assert warned(item, item) == (
            f"items of type '{kind[:64]}' in 'input' were left out: nothing of that kind is done here",
        )


def test_a_call_of_a_custom_tool_and_of_the_local_shell_is_shown_as_a_call() -> None:
    custom = {"type": "custom_tool_call", "id": "ctc_1", "call_id": "a", "name": "apply_patch", "input": "*** Begin"}
    shell = {
        "type": "local_shell_call",
        "id": "lsh_1",
        "call_id": "b",
        "status": "completed",
        "action": {"command": ["ls"]},
    }
    answers = [
        {"type": "custom_tool_call_output", "call_id": "a", "output": "seen"},
        {"type": "local_shell_call_output", "id": "b", "output": "seen"},
    ]
    calls = (
        ToolCall(id="a", name="apply_patch", arguments='{"input":"*** Begin"}'),
        ToolCall(id="b", name="local_shell", arguments='{"command":["ls"]}'),
    )
    assert read(USER, custom, shell, *answers) == (
        HI,
        Message(role="assistant", tool_calls=calls),
        result("a"),
        result("b"),
    )
    assert warned(custom, shell, *answers) == ()
    refused("input[0].action", {**shell, "action": "ls"})


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
        ({"type": 7}, "input[0].type"),
        ({"type": ["message"]}, "input[0].type"),
        ({"type": "function_call", "call_id": "a", "arguments": "{}"}, "input[0].name"),
        (call("a", namespace="a b"), "input[0].namespace"),
        ({"type": "function_call", "name": "look", "arguments": "{}"}, "input[0].call_id"),
        (output("a", None), "input[0].output"),
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
        read_input(ResponsesFields({"input": value}), "Instructions alone are no question.", unseen())
    assert caught.value.param == "input"


def test_what_is_left_out_is_no_input() -> None:
    for instructions in (None, "Be brief."):
        with pytest.raises(SupernetError) as caught:
            read_input(ResponsesFields({"input": [SEALED, {"type": "web_search_call"}]}), instructions, unseen())
        assert caught.value.param == "input"


def test_items_turns_and_calls_are_bounded() -> None:
    assert len(read(*[USER] * MAX_MESSAGES)) == MAX_MESSAGES
    refused("input", *[USER] * (MAX_MESSAGES + 1))
    refused("input", *[USER] * (MAX_ITEMS + 1))
    assert len(read(*[call(str(i)) for i in range(MAX_CALLS)])[0].tool_calls) == MAX_CALLS
    refused(f"input[{MAX_CALLS}].name", *[call(str(i)) for i in range(MAX_CALLS + 1)])


OF_FILES = ("input[].content[].input_audio.format", "input[].content[].filename")  # test_attachments.py has files


@pytest.mark.parametrize("path", [path for path in ACCEPTED if path.startswith("input[].") and path not in OF_FILES])
def test_marks_of_items_are_let_through_and_change_nothing(path: str) -> None:
    def items() -> list[dict[str, Any]]:
        results = [output(name, [{"type": f"{name}_text", "text": "x"}]) for name in ("input", "output")]
        made = [USER, call("input"), call("output"), *results, drawn(), said("y"), thought("z")]
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


# ---- pictures --------------------------------------------------------------------------------------------------------


def text(words: str) -> dict[str, Any]:
    return {"type": "input_text", "text": words}


def seen(*items: Any) -> tuple[tuple[Message, ...], Pictures]:
    pictures = shown()
    return read_input(ResponsesFields({"input": list(items)}), None, pictures)[0], pictures


def not_shown(item: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        seen(USER, item)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    return caught.value


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"type": "input_image", "image_url": "data:x"}, NO_PICTURE),
        ({"type": "input_image", "file_id": "f"}, NO_PICTURE),
        ({"type": "input_file", "file_id": "f"}, NO_FILE),
    ],
)
def test_a_model_without_eyes_is_told_of_a_tools_picture(part: dict[str, Any], words: str) -> None:
    assert read(call("a"), output("a", [text("Here: "), part]))[1].content == f"Here: {words}"


def test_a_model_without_eyes_refuses_a_users_picture_with_those_that_see() -> None:
    message = refused("input[0].content[0].type", {"role": "user", "content": [input_image()]}).message
    assert "this model takes text only. Models that see pictures: seer" in message


@pytest.mark.parametrize(
    "wrap",
    [
        lambda parts: {"role": "user", "content": parts},
        lambda parts: output("a", parts),
        lambda parts: {**output("a", parts), "type": "custom_tool_call_output"},
        lambda parts: {**output("a", parts), "type": "local_shell_call_output"},
    ],
)
def test_pictures_keep_their_order_and_their_place_between_the_texts(wrap: Any) -> None:
    one, two = PNG, PNG + b"2"
    parts = [text("\U0001f600"), input_image(uri(one)), input_image(uri(two), detail="low"), text(""), text("y")]
    (message,), pictures = seen(wrap([*parts, input_image(uri(one), detail="original")]))
    assert message.content == "\U0001f600y"
    assert [(image.at, pictures.blobs[image.sha256], image.most) for image in message.images] == [
        (1, one, 1024),
        (1, two, 256),
        (2, one, 1024),
    ]
    field = "content" if message.role == "user" else "output"
    assert pictures.places == [f"input[0].{field}[{index}].image_url" for index in (1, 2, 5)]


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_a_picture_of_another_role_is_refused_with_where_to_send_it(role: str) -> None:
    error = not_shown({"role": role, "content": [input_image()]})
    assert error.param == "input[1].content[0].type"
    assert "messages of the user or of a tool" in error.message


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "input_image"}, "image_url"),
        ({"type": "input_image", "image_url": {"url": uri()}}, "image_url"),
        ({"type": "input_image", "file_id": "file-1"}, "file_id"),
        (input_image(file_id="file-1"), "file_id"),
        (input_image(detail="huge"), "detail"),
        (input_image(odd=1), "odd"),
        (input_image("https://example.com/a.png"), "image_url"),
        (input_image("blob:x"), "image_url"),
        (input_image(uri(b"<svg/>")), "image_url"),
        ({"type": "image_url", "image_url": uri()}, "type"),
        ({"type": "input_file", "file_data": uri()}, "type"),
    ],
)
def test_what_is_wrong_with_a_picture_is_named_by_item_and_part(part: Any, param: str) -> None:
    error = not_shown({"role": "user", "content": [text("a"), part]})
    assert error.param == f"input[1].content[1].{param}"
    if param == "file_id":
        assert "send the file itself in 'image_url'" in error.message


@pytest.mark.parametrize("part", [input_image("https://x/a.png"), {"type": "input_image", "file_id": "file-1"}])
def test_a_tools_picture_that_cannot_be_read_is_said_in_its_place_and_in_the_answer(part: Any) -> None:
    pictures, fields = shown(), ResponsesFields({"input": [call("a"), output("a", [part, text("!"), input_image()])]})
    _, shown_to_it = read_input(fields, None, pictures)[0]
    assert shown_to_it.content == f"{UNREADABLE}!"
    assert [image.at for image in shown_to_it.images] == [len(shown_to_it.content)]
    pictures.finish(b"", fields)
    (warning,) = fields.warnings
    assert "input[1].output[0]." in warning


def test_too_many_pictures_are_refused() -> None:
    error = not_shown(output("a", [input_image()] * 21))
    assert (error.param, "more than 20" in error.message) == ("input[1].output[20].image_url", True)


def test_a_tools_text_that_holds_a_picture_stays_text() -> None:
    (message,), pictures = seen(output("a", uri()))
    assert (message.content, message.images, pictures.blobs) == (uri(), (), {})


@pytest.mark.parametrize("id", ["", "x" * 300])
def test_ids_of_another_server_meet_whatever_their_length(id: str) -> None:
    turn, output = read(call(id), {"type": "function_call_output", "call_id": id, "output": "r"})
    assert turn.tool_calls[0].id == output.tool_call_id
    assert 0 < len(output.tool_call_id or "") <= 256


def test_who_made_an_earlier_call_and_how_does_not_matter() -> None:
    program = {"caller": {"type": "program", "caller_id": "x"}}
    output = {"type": "function_call_output", "call_id": "a", "output": "r"}
    assert read(call("a", **program, **{"async": True}), output | program) == read(call("a"), output)
    assert read(call("a", arguments={"b": 1}))[0].tool_calls[0].arguments == '{"b":1}'


OURS = f"ig_{'0a' * 16}_1_2_0"


def drawn(**fields: Any) -> dict[str, Any]:
    return {"type": "image_generation_call", "id": OURS, "status": "completed", **fields}


def attached(*items: Any) -> tuple[tuple[Message, ...], list[Attachment], tuple[str, ...]]:
    pictures, body = unseen(), ResponsesFields({"input": [USER, *items]})
    messages, _ = read_input(body, None, pictures)
    return messages, pictures.attachments, body.warnings


def test_a_picture_of_an_earlier_answer_is_a_call_and_a_thing_for_tools() -> None:
    full = {"background": "opaque", "output_format": "png", "quality": "auto", "size": "64x64", "error": None}
    item = drawn(revised_prompt="a cat", action="edit", result=uri().partition(",")[2], **full)
    (_, called, output), (found,), warnings = attached(item)
    assert called == Message(
        role="assistant",
        content="",
        tool_calls=(ToolCall(id=OURS, name="sogni_edit_image", arguments='{"prompt":"a cat"}'),),
    )
    assert output == result(OURS, DRAWN)
    assert (found.job, found.file, found.kind, found.message) == (f"{'0a' * 16}.1.2.0", PNG, "image", 2)
    assert found.refused is None and warnings == ()


def test_a_picture_may_be_named_by_its_id_alone_or_be_another_servers() -> None:
    _, (found,), _ = attached({"type": "image_generation_call", "id": OURS})
    assert (found.job, found.file) == (f"{'0a' * 16}.1.2.0", b"")
    (_, called, _), (found,), _ = attached(drawn(id="ig_68af", result=uri().partition(",")[2]))
    assert (found.job, found.file, called.tool_calls[0].id) == ("", PNG, "ig_68af")
    assert called.tool_calls[0].name == "sogni_generate_image"


@pytest.mark.parametrize(
    "item",
    [
        drawn(id="ig_68af"),
        drawn(id=None, result=""),
        drawn(id="ig_68af", result="no base64"),
        drawn(id="ig_68af", result="PGh0bWw+"),
        drawn(id="x" * 999, status="failed", result=None, error={"message": "no"}),
    ],
)
def test_a_picture_that_is_not_to_be_had_is_left_out_and_the_answer_says_so(item: Any) -> None:
    messages, attachments, warnings = attached(item)
    assert (messages, attachments) == ((HI,), [])
    assert "left out" in warnings[-1]


def test_an_earlier_picture_is_read_as_any_other_item() -> None:
    refused("input[1].result", USER, drawn(result=7))
    refused("input[1].action", USER, drawn(action="paint"))
    refused("input[1].odd", USER, drawn(odd=1))


def test_of_very_many_pictures_of_earlier_answers_the_first_are_kept() -> None:
    messages, attachments, warnings = attached(*[drawn(id=f"ig_{'0a' * 16}_1_{number}_0") for number in range(30)])
    assert len(messages) == 61 and warnings == ()
    assert [one.fault for one in attachments] == [None] * MAX_PICTURES
