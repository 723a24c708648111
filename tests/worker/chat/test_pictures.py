"""Where a request's pictures are, and what of them no prompt can have."""

import pytest

from wire.chat import ChatRequest, Image, Message
from wire.errors import ErrorCode, SupernetError
from wire.pictures import UNREADABLE
from worker.chat.pictures import content_of, joined, of_tools, pictures_of, without

MIB = 1024 * 1024
PICTURE = {"type": "image"}


def image(at: int = 0, name: str = "a", size: int = 1000) -> Image:
    return Image(at=at, sha256=name * 64, size_bytes=size, most=256)


def ask(*messages: Message) -> ChatRequest:
    return ChatRequest(messages=messages, max_tokens=10)


def user(text: str, *images: Image) -> Message:
    return Message(role="user", content=text, images=images)


def words(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


def test_a_text_without_pictures_stays_a_text() -> None:
    assert content_of("Hi\ud800", ()) == "Hi\ufffd"


def test_pictures_stand_where_they_stood_in_the_text() -> None:
    assert content_of("", (image(),)) == [PICTURE]
    assert content_of("ab", (image(), image(1), image(1), image(2))) == [
        PICTURE,
        words("a"),
        PICTURE,
        PICTURE,
        words("b"),
        PICTURE,
    ]
    assert content_of("\ud800é🦊", (image(2),)) == [words("\ufffdé"), PICTURE, words("🦊")], "characters, not bytes"


def test_contents_that_are_joined_have_no_empty_text_and_no_two_in_a_row() -> None:
    assert joined("a", "", "b") == "ab"
    assert joined("a", [words("b"), PICTURE], "", [words("c")], "d") == [words("ab"), PICTURE, words("cd")]
    first = [words("x"), PICTURE]
    joined("a", first)
    assert first == [words("x"), PICTURE]


def test_pictures_are_counted_over_all_messages_and_told_by_message_and_place() -> None:
    tool = Message(
        role="tool", content="seen", tool_call_id="c", images=tuple(image(0, "abc"[n % 3]) for n in range(4))
    )
    request = ask(Message(role="system", content="s"), user("x", image(1, "b")), user("none"), tool)
    assert [one.sha256[0] for one in pictures_of(request)] == ["b", "a", "b", "c", "a"]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (ask(Message(role="system", content="s", images=(image(),)), user("x")), "messages[0]: pictures can stand in"),
        (ask(user("x"), Message(role="assistant", images=(image(),))), "messages[1]: pictures can stand in"),
        (ask(user("xy", image(3))), "messages[0]: its pictures are out of order, or stand behind"),
        (ask(user("xy", image(2), image(1))), "messages[0]: its pictures are out of order"),
        (ask(user("", *[image()] * 20), user("", image())), "21 pictures, and 20 are the most"),
        (ask(user("", image(size=7 * MIB), image(name="b", size=6 * MIB))), "13,631,488 bytes together"),
    ],
)
def test_what_no_prompt_can_have_is_refused(request_: ChatRequest, why: str) -> None:
    with pytest.raises(SupernetError) as caught:
        pictures_of(request_)
    assert why in caught.value.message
    assert (caught.value.code, caught.value.param) == (ErrorCode.INVALID_REQUEST, "messages")


def test_a_file_that_is_shown_twice_counts_once() -> None:
    assert len(pictures_of(ask(user("", image(size=7 * MIB)), user("", image(size=7 * MIB))))) == 2


def test_words_stand_in_the_place_of_a_picture_that_is_left_out_and_the_others_keep_theirs() -> None:
    shown = Message(
        role="tool", content="ab🦊", tool_call_id="c", images=(image(), image(1, "b"), image(1), image(3, "b"))
    )
    request = ask(user("x", image(1, "c")), shown)
    assert of_tools(request) == (False, True, True, True, True)
    left = without(request, {("a" * 64, 256)})
    assert left.messages[0] == request.messages[0]
    assert content_of(left.messages[1].content, left.messages[1].images) == [
        words(f"{UNREADABLE}a"),
        PICTURE,
        words(f"{UNREADABLE}b🦊"),
        PICTURE,
    ]
    assert without(request, {("a" * 64, 1024)}) == request, "shown smaller it may be another picture"
