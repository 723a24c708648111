"""All the shapes of a conversation that clients send."""

from typing import Any

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.images import NO_PICTURE, Pictures
from coordinator.openai.messages import read_messages
from tests.coordinator.pictures import PNG, image_url, shown, unseen, uri
from wire.chat import MAX_CALLS, MAX_MESSAGES, CallDelta, Message, ToolCall
from wire.errors import ErrorCode, SupernetError
from wire.pictures import UNREADABLE

USER = {"role": "user", "content": "Hi"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": 1}'}}


def read(*messages: Any) -> tuple[Message, ...]:
    return read_messages(Fields({"messages": list(messages)}), unseen())[0]


def refused(message: Any, param: str) -> str:
    with pytest.raises(SupernetError) as caught:
        read(message)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == f"messages[0]{param}"
    return caught.value.message


def test_every_role_is_read_and_developer_becomes_system() -> None:
    messages, developer = read_messages(
        Fields(
            {
                "messages": [
                    {"role": "system", "content": "S"},
                    {"role": "developer", "content": "D"},
                    USER,
                    {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": [CALL]},
                    {"role": "tool", "content": "42", "tool_call_id": "call_1"},
                ]
            }
        ),
        unseen(),
    )
    assert developer
    assert messages == (
        Message(role="system", content="S"),
        Message(role="system", content="D"),
        Message(role="user", content="Hi"),
        Message(
            role="assistant",
            reasoning="hm",
            tool_calls=(ToolCall(id="call_1", name="look", arguments='{"at": 1}'),),
        ),
        Message(role="tool", content="42", tool_call_id="call_1"),
    )


def test_a_conversation_without_a_developer_says_so() -> None:
    assert read_messages(Fields({"messages": [USER]}), unseen())[1] is False


def test_text_parts_are_joined_without_anything_between() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": " b", "cache_control": {"type": "ephemeral"}}]
    assert read({"role": "user", "content": parts})[0].content == "a b"
    assert read({"role": "system", "content": []})[0].content == ""


@pytest.mark.parametrize("kind", ["image_url", "input_audio", "file", "video_url", "refusal"])
def test_a_part_that_is_not_text_is_refused_by_its_name(kind: str) -> None:
    message = refused({"role": "user", "content": [{"type": kind, kind: {}}]}, ".content[0].type")
    assert f"'{kind}' parts are not accepted" in message
    assert "text only" in message


@pytest.mark.parametrize(
    ("message", "param"),
    [
        (None, ""),
        ("hi", ""),
        ({}, ".role"),
        ({"content": "x"}, ".role"),
        ({"role": "function", "content": "x"}, ".role"),
        ({"role": "user"}, ".content"),
        ({"role": "user", "content": None}, ".content"),
        ({"role": "user", "content": 1}, ".content"),
        ({"role": "user", "content": ["x"]}, ".content[0]"),
        ({"role": "user", "content": [{"type": "text"}]}, ".content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, ".content[0].text"),
        ({"role": "user", "content": [{"type": "text", "text": "a", "odd": 1}]}, ".content[0].odd"),
        ({"role": "user", "content": "x", "odd": 1}, ".odd"),
        ({"role": "user", "content": "x", "tool_calls": []}, ".tool_calls"),
        ({"role": "user", "content": "x", "tool_call_id": "a"}, ".tool_call_id"),
        ({"role": "user", "content": "x", "name": "a b"}, ".name"),
        ({"role": "user", "content": "x", "name": "<|im_end|>"}, ".name"),
        ({"role": "user", "content": "x", "name": ""}, ".name"),
        ({"role": "tool", "content": "x"}, ".tool_call_id"),
        ({"role": "tool", "content": "x", "tool_call_id": 7}, ".tool_call_id"),
        ({"role": "assistant", "content": "x", "function_call": {"name": "f"}}, ".function_call"),
        ({"role": "assistant", "content": "x", "audio": {"id": "a"}}, ".audio"),
        ({"role": "assistant", "reasoning": 1}, ".reasoning"),
        ({"role": "assistant", "tool_calls": {}}, ".tool_calls"),
        ({"role": "assistant", "tool_calls": [CALL] * (MAX_CALLS + 1)}, ".tool_calls"),
        ({"role": "assistant", "tool_calls": [None]}, ".tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{**CALL, "id": None}]}, ".tool_calls[0].id"),
        ({"role": "assistant", "tool_calls": [{**CALL, "type": "custom"}]}, ".tool_calls[0].type"),
        ({"role": "assistant", "tool_calls": [{**CALL, "odd": 1}]}, ".tool_calls[0].odd"),
        ({"role": "assistant", "tool_calls": [{"id": "a", "type": "function"}]}, ".tool_calls[0].function"),
        ({"role": "assistant", "tool_calls": [{"id": "a", "function": {}}]}, ".tool_calls[0].function.name"),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "a b"}}]},
            ".tool_calls[0].function.name",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": [1]}}]},
            ".tool_calls[0].function.arguments",
        ),
    ],
)
def test_what_is_wrong_with_a_message_is_named(message: Any, param: str) -> None:
    refused(message, param)


@pytest.mark.parametrize("messages", [None, [], "hi", {}])
def test_messages_must_be_there(messages: Any) -> None:
    with pytest.raises(SupernetError) as caught:
        read_messages(Fields({"messages": messages}), unseen())
    assert caught.value.param == "messages"


def test_two_thousand_and_forty_eight_messages_are_read_and_one_more_is_refused() -> None:
    assert len(read(*[USER] * MAX_MESSAGES)) == MAX_MESSAGES
    with pytest.raises(SupernetError, match="at most 2048"):
        read(*[USER] * (MAX_MESSAGES + 1))


def test_an_answer_can_be_sent_back_as_the_sdk_dumps_it() -> None:
    dumped = {
        "role": "assistant",
        "content": None,
        "refusal": None,
        "annotations": [],
        "audio": None,
        "function_call": None,
        "parsed": None,
        "provider_specific_fields": {"refusal": None, "reasoning_content": "why"},
        "reasoning_content": "why",
        "tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "index": 0,
                "function": {"name": "look", "arguments": "", "parsed_arguments": {}},
            }
        ],
    }
    (message,) = read(dumped)
    assert message == Message(
        role="assistant", reasoning="why", tool_calls=(ToolCall(id="call_1", name="look", arguments="{}"),)
    )


def test_as_many_calls_as_an_answer_may_hold_can_be_sent_back() -> None:
    CallDelta(index=MAX_CALLS - 1)
    (message,) = read({"role": "assistant", "tool_calls": [CALL] * MAX_CALLS})
    assert len(message.tool_calls) == MAX_CALLS == 1024


def test_an_empty_answer_is_a_turn_too() -> None:
    assert read({"role": "assistant", "content": None})[0] == Message(role="assistant")


def test_the_text_of_a_refusal_is_what_the_assistant_said() -> None:
    assert read({"role": "assistant", "content": None, "refusal": "No."})[0].content == "No."
    parts = [{"type": "refusal", "refusal": "No."}]
    assert read({"role": "assistant", "content": parts})[0].content == "No."


def test_reasoning_has_two_names_that_must_agree() -> None:
    assert read({"role": "assistant", "reasoning": "a"})[0].reasoning == "a"
    assert read({"role": "assistant", "reasoning": "a", "reasoning_content": "a"})[0].reasoning == "a"


def test_camel_case_works_inside_messages() -> None:
    call = {"role": "assistant", "toolCalls": [CALL]}
    assert read(call, {"role": "tool", "content": "", "toolCallId": "call_1"})[1].tool_call_id == "call_1"


def test_a_result_whose_call_was_cut_away_is_still_read() -> None:
    assert read({"role": "tool", "content": "x", "tool_call_id": "gone"})[0].tool_call_id == "gone"


def test_names_that_openai_takes_are_kept() -> None:
    assert read({"role": "user", "content": "x", "name": "José_1"})[0].name == "José_1"


# ---- pictures --------------------------------------------------------------------------------------------------------


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def tool(*parts: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "a", "content": list(parts)}


def seen(*messages: Any) -> tuple[tuple[Message, ...], Pictures]:
    pictures = shown()
    return read_messages(Fields({"messages": list(messages)}), pictures)[0], pictures


def not_shown(message: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        seen(USER, message)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    return caught.value


def test_a_model_without_eyes_is_told_of_a_tools_picture_and_a_users_is_refused_with_those_that_see() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:x"}}
    (result,) = read(tool(text("Here: "), picture))
    assert (result.content, result.images) == (f"Here: {NO_PICTURE}", ())
    message = refused({"role": "user", "content": [picture]}, ".content[0].type")
    assert "'image_url' parts are not accepted here: this model takes text only" in message
    assert message.endswith("Models that see pictures: seer.")


@pytest.mark.parametrize("wrap", [lambda *parts: {"role": "user", "content": list(parts)}, tool])
def test_pictures_keep_their_order_and_their_place_between_the_texts(wrap: Any) -> None:
    one, two, three = (bytes([*PNG, number]) for number in range(3))
    parts = [
        image_url(uri(one)),
        text("W\u00e4 \U0001f600"),
        image_url(uri(two)),
        image_url(uri(three), detail="low"),
        text(""),
        image_url(uri(one)),
        text("x"),
        text("y"),
        image_url(uri(two)),
    ]
    (message,), pictures = seen(wrap(*parts))
    assert message.content == "W\u00e4 \U0001f600xy"
    names = [pictures.blobs[image.sha256] for image in message.images]
    assert names == [one, two, three, one, two]
    assert [image.at for image in message.images] == [0, 4, 4, 4, 6]
    assert [image.most for image in message.images] == [1024, 1024, 256, 1024, 1024]
    assert pictures.places == [f"messages[0].content[{index}].image_url" for index in (0, 2, 3, 5, 8)]


def test_a_picture_alone_is_a_message() -> None:
    (message,), _ = seen({"role": "user", "content": [image_url()]})
    assert (message.content, message.images[0].at) == ("", 0)


@pytest.mark.parametrize(
    "part",
    [
        image_url(),
        image_url(detail=None),
        {**image_url(), "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": uri()},
        {"type": "image_url", "imageUrl": {"url": uri()}},
    ],
)
def test_every_way_to_write_the_part_is_the_same_picture(part: Any) -> None:
    assert seen({"role": "user", "content": [part]})[0] == seen({"role": "user", "content": [image_url()]})[0]


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_a_picture_of_another_role_is_refused_with_where_to_send_it(role: str) -> None:
    error = not_shown({"role": role, "content": [text("a"), image_url()]})
    assert error.param == "messages[1].content[1].type"
    assert "messages of the user or of a tool" in error.message


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "image_url"}, "image_url"),
        ({"type": "image_url", "image_url": {}}, "image_url.url"),
        ({"type": "image_url", "image_url": {"url": 1}}, "image_url.url"),
        ({"type": "image_url", "image_url": 1}, "image_url"),
        ({"type": "image_url", "image_url": [uri()]}, "image_url"),
        (image_url(detail="huge"), "image_url.detail"),
        (image_url(odd=1), "image_url.odd"),
        ({**image_url(), "odd": 1}, "odd"),
        ({**image_url(), "detail": "low"}, "detail"),
        (image_url("https://example.com/a.png"), "image_url"),
        (image_url("data:image/png;base64,AAAA"), "image_url"),
        ({"type": "image_url", "image_url": "file-1"}, "image_url"),
        ({"type": "input_image", "image_url": uri()}, "type"),
        ({"type": "image", "image": uri()}, "type"),
        ({"type": "image_file", "image_file": {"file_id": "f"}}, "type"),
    ],
)
def test_what_is_wrong_with_a_picture_is_named_by_message_and_part(part: Any, param: str) -> None:
    error = not_shown({"role": "user", "content": [text("a"), part]})
    assert error.param == f"messages[1].content[1].{param}"
    if param == "type":
        assert "text and pictures only ('text' or 'image_url')" in error.message


@pytest.mark.parametrize("url", ["https://example.com/a.png", "a.png", uri(b"%PDF-1.7"), "data:image/png;base64,A"])
def test_a_tools_picture_that_cannot_be_read_is_said_in_its_place_and_in_the_answer(url: str) -> None:
    pictures, fields = shown(), Fields({"messages": [USER, tool(text("Here: "), image_url(url), image_url())]})
    _, result = read_messages(fields, pictures)[0]
    assert result.content == f"Here: {UNREADABLE}"
    assert [image.at for image in result.images] == [len(result.content)]
    pictures.finish(b"", fields)
    (warning,) = fields.warnings
    assert "messages[1].content[1].image_url" in warning


def test_too_many_pictures_are_refused_in_a_tools_result_too() -> None:
    error = not_shown(tool(*[image_url()] * 21))
    assert (error.param, "more than 20" in error.message) == ("messages[1].content[20].image_url", True)


def test_a_tools_text_that_holds_a_picture_stays_text() -> None:
    (one, two), pictures = seen(tool(text(uri())), {"role": "tool", "tool_call_id": "b", "content": uri()})
    assert (one.content, two.content, one.images, pictures.blobs) == (uri(), uri(), (), {})


@pytest.mark.parametrize("id", ["", "x" * 257, "é" * 5000])
def test_an_id_of_another_server_is_as_long_as_it_likes_and_result_and_call_still_meet(id: str) -> None:
    call, result = read(
        {"role": "assistant", "tool_calls": [CALL | {"id": id}]}, {"role": "tool", "content": "x", "tool_call_id": id}
    )
    assert call.tool_calls[0].id == result.tool_call_id != "call_1"
    assert len(result.tool_call_id or "") == 29


def test_what_clients_write_beside_a_message_and_leave_empty_ends_no_conversation() -> None:
    (result,) = read({"role": "tool", "content": None, "tool_call_id": "a"})
    assert result.content == ""
    assert read({"role": "user", "content": "x", "model": "m", "timestamp": 1.5}) == read(
        {"role": "user", "content": "x"}
    )
    called = {"id": "a", "function": {"name": "f", "arguments": {"at": [1, "ü"]}}}
    assert read({"role": "assistant", "tool_calls": [called]})[0].tool_calls[0].arguments == '{"at":[1,"ü"]}'


def test_the_mark_of_an_answer_to_go_on_with_stands_on_the_last_message_alone() -> None:
    said, begun = {"role": "user", "content": "x"}, {"role": "assistant", "content": "y", "prefix": True}
    assert read(said, begun)[1].content == "y"
    refused_of = [begun, said]
    with pytest.raises(SupernetError) as caught:
        read(*refused_of)
    assert caught.value.param == "messages[0].prefix"
