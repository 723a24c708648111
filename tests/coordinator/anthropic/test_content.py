"""Pictures in blocks: their place in the text, and what becomes of those that cannot be shown."""

from base64 import b64encode
from typing import Any

import pytest

from coordinator.anthropic.content import Said
from coordinator.anthropic.conversation import read_conversation
from coordinator.anthropic.fields import MessagesFields
from coordinator.openai.images import NO_PICTURE, Pictures
from tests.coordinator.pictures import PNG, image, shown, unseen, uri
from wire.chat import Message
from wire.errors import ErrorCode, SupernetError
from wire.pictures import UNREADABLE


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def result(*blocks: Any, **rest: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": "c", "content": list(blocks), **rest}


def read(*blocks: Any, role: str = "user", pictures: Pictures | None = None) -> tuple[Message, ...]:
    body = MessagesFields({"messages": [{"role": role, "content": list(blocks)}]})
    return tuple(read_conversation(body, pictures or shown()).messages)


def refused(*blocks: Any, role: str = "user", pictures: Pictures | None = None) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        read(*blocks, role=role, pictures=pictures)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    return caught.value


def test_a_picture_stands_at_the_end_of_the_block_before_it() -> None:
    pictures = shown()
    two = PNG + b"2"
    blocks = [image(), text("Picture 1:"), image(), text("\U0001f600 2:"), image(two), image(), text(""), image()]
    (message,) = read(*blocks, text("Compare."), pictures=pictures)
    assert message.content == "Picture 1:\n\U0001f600 2:\n\nCompare."
    assert [image.at for image in message.images] == [0, 10, 15, 15, 16]
    assert [pictures.blobs[image.sha256] for image in message.images] == [PNG, PNG, two, PNG, PNG]
    assert pictures.places == [f"messages[0].content[{index}].source" for index in (0, 2, 4, 5, 7)]


def test_a_picture_alone_is_a_message_and_results_before_it_are_their_own() -> None:
    tool, user = read(result(text("seen")), image())
    assert (tool.role, tool.images) == ("tool", ())
    assert (user.role, user.content, [one.at for one in user.images]) == ("user", "", [0])
    user, tool = read(image(), result(text("seen")))
    assert ([one.at for one in user.images], tool.content) == ([0], "seen")


def test_pictures_of_a_result_are_shown_behind_the_word_that_it_failed() -> None:
    (message,) = read(result(image(), text("a"), image(), is_error=True, cache_control=None))
    assert message.content == "Error: a"
    assert [one.at for one in message.images] == [7, 8]


def test_what_is_said_is_empty_until_something_is() -> None:
    said = Said()
    assert said.empty
    said.add("")
    assert not said.empty
    assert said.message("user") == Message(role="user", content="")


def test_a_cached_picture_is_a_picture() -> None:
    assert read(image() | {"cache_control": {"type": "ephemeral"}}) == read(image())


def test_white_space_and_another_allowed_type_are_taken() -> None:
    lines = "\n".join(b64encode(PNG).decode())
    assert read(image(media_type="image/jpeg", data=lines)) == read(image())


def test_a_model_without_eyes_is_told_of_a_results_picture_and_a_users_is_refused_with_those_that_see() -> None:
    (message,) = read(result(text("a picture:"), {"type": "image", "source": {"type": "url"}}), pictures=unseen())
    assert message.content == f"a picture:\n{NO_PICTURE}"
    error = refused(text("a"), image(), pictures=unseen())
    assert error.param == "messages[0].content[1].type"
    assert "this model takes text only. Models that see pictures: seer" in error.message


@pytest.mark.parametrize("role", ["system", "assistant"])
def test_a_picture_of_another_role_is_refused_with_where_to_send_it(role: str) -> None:
    error = refused(image(), role=role)
    assert error.param == "messages[0].content[0].type"
    assert "messages of the user" in error.message


def test_a_picture_in_the_system_is_refused() -> None:
    body = MessagesFields({"system": [image()], "messages": [{"role": "user", "content": "x"}]})
    with pytest.raises(SupernetError) as caught:
        read_conversation(body, shown())
    assert caught.value.param == "system[0].type"


@pytest.mark.parametrize(
    ("block", "param", "what"),
    [
        ({"type": "image"}, "source", "Missing"),
        ({"type": "image", "source": uri()}, "source", "object"),
        ({"type": "image", "source": {}}, "source.type", "'base64'"),
        ({"type": "image", "source": {"type": "url", "url": "https://x/a.png"}}, "source.type", "not fetched"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "source.type", "nothing is stored"),
        ({"type": "image", "source": {"type": "base64", "data": "AAAA"}}, "source.media_type", "Missing"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}, "source.data", "Missing"),
        (image(odd=1), "source.odd", "Unknown"),
        (image() | {"odd": 1}, "odd", "Unknown"),
        (image() | {"detail": "low"}, "detail", "Unknown"),
        (image(b"%PDF-1.7"), "source", "PNG"),
        (image(media_type="image/svg+xml"), "source", "draw it as PNG"),
        (image(data=uri()), "source", "not valid base64"),
        (image(b""), "source", "no bytes"),
        ({"type": "image_url", "image_url": {"url": uri()}}, "type", "'image'"),
    ],
)
def test_what_is_wrong_with_a_picture_is_named_by_message_and_block(block: Any, param: str, what: str) -> None:
    error = refused(text("a"), block)
    assert error.param == f"messages[0].content[1].{param}"
    assert what in error.message


@pytest.mark.parametrize("source", [{"type": "url", "url": "https://x/a.png"}, image(b"%PDF-1.7")["source"]])
def test_a_results_picture_that_cannot_be_read_is_said_in_its_place_and_in_the_answer(source: Any) -> None:
    pictures, fields = shown(), MessagesFields({})
    (message,) = read(result(text("Here:"), {"type": "image", "source": source}, image()), pictures=pictures)
    assert message.content == f"Here:\n{UNREADABLE}"
    assert [one.at for one in message.images] == [len(message.content)]
    pictures.finish(b"", fields)
    (warning,) = fields.warnings
    assert "messages[0].content[0].content[1].source" in warning


def test_too_many_pictures_are_refused_in_a_result_too() -> None:
    error = refused(result(*[image()] * 21))
    assert (error.param, "more than 20" in error.message) == ("messages[0].content[0].content[20].source", True)


def test_a_results_text_that_holds_a_picture_stays_text() -> None:
    pictures = shown()
    (message,) = read(result(text(uri())), pictures=pictures)
    assert (message.content, message.images, pictures.blobs) == (uri(), (), {})
