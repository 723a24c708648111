"""Pictures in a prompt: a row for each of their patches, where the template wrote them and nowhere else."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.thoroughness import at_most
from tests.worker.chat.vocabularies import CONTROL, PLAIN, QWEN35, TEMPLATES, ByteVocabulary, text_of
from wire.chat import ChatRequest, Image, Message, Tool, ToolCall
from wire.errors import ErrorCode, SupernetError
from worker.chat.prepared import Prepared, Seen, Tokenizer
from worker.chat.prompt import prepare
from worker.engine.port import Placed

MARKS = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
SEEING = ByteVocabulary((TEMPLATES / "qwen35.jinja").read_text(), control=(*CONTROL, *MARKS))
START, END, PAD, _ = (SEEING.special[mark] for mark in MARKS)
# Knows no tools, and shows pictures with its own words around them, as templates of older models do.
TOOLLESS = ByteVocabulary(
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for part in m.content %}{{ part.text if part.type == 'text' else '<|image_pad|>' }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}",
    control=(*CONTROL, *MARKS),
    defined=(),
)
TOOL = Tool(name="look")
CALLS = (ToolCall(id="1", name="look", arguments="{}"), ToolCall(id="2", name="look", arguments="{}"))


def image(at: int = 0, name: str = "a", most: int = 256) -> Image:
    return Image(at=at, sha256=name * 64, size_bytes=1000, most=most)


def user(text: str, *images: Image) -> Message:
    return Message(role="user", content=text, images=images)


def seen(columns: int, rows: int, digest: str = "d") -> Seen:
    return Seen(columns, rows, digest)


def made(
    messages: tuple[Message, ...],
    *pictures: Seen,
    vocabulary: Tokenizer = SEEING,
    context: int = 100_000,
    **fields: Any,
) -> Prepared:
    request = ChatRequest(messages=messages, max_tokens=100, thinking=False, **fields)
    return prepare(request, (), context, vocabulary, "qwen-xml", seen=pictures)


def refused(messages: tuple[Message, ...], *pictures: Seen, **more: Any) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        made(messages, *pictures, **more)
    return caught.value


def test_a_picture_is_a_row_for_each_patch_between_the_templates_marks() -> None:
    prepared = made((user("See this, and tell", image(9)),), seen(3, 2))
    (placed,) = prepared.pictures
    assert placed == Placed(placed.at, 3, 2, "d") and placed.end == placed.at + 6
    assert prepared.prompt[placed.at : placed.end] == (PAD,) * 6
    assert (prepared.prompt[placed.at - 1], prepared.prompt[placed.end]) == (START, END)
    text = text_of(SEEING, prepared.prompt).replace(6 * MARKS[2], "PICTURE")
    assert "user\nSee this,<|vision_start|>PICTURE<|vision_end|> and tell<|im_end|>" in text


def test_a_prompt_of_text_is_the_same_for_a_model_that_sees() -> None:
    prepared, blind = made((user("Hi"),)), made((user("Hi"),), vocabulary=QWEN35)
    assert text_of(SEEING, prepared.prompt) == text_of(QWEN35, blind.prompt)
    assert (prepared.anchors, prepared.pictures) == (blind.anchors, ())


def test_pads_that_a_user_types_are_text() -> None:
    text = "<|image_pad|> <|vision_start|><|image_pad|><|vision_end|> <|video_pad|> <__media__>"
    assert made((user(text),)).prompt.count(PAD) == 0
    prepared = made((user(text, image(13)),), seen(2, 2))
    assert prepared.prompt.count(PAD) == 4 and prepared.prompt.count(START) == 1
    before, after = (text_of(SEEING, part) for part in (prepared.prompt[: prepared.pictures[0].at - 1],
                                                        prepared.prompt[prepared.pictures[0].end + 1 :]))  # fmt: skip
    assert before.endswith("user\n" + text[:13]) and after.startswith(text[13:])


def test_pictures_of_results_move_with_their_message() -> None:
    results = (
        Message(role="tool", content="second", tool_call_id="2", images=(image(0, "b"),)),
        Message(role="tool", content="first", tool_call_id="1", images=(image(5, "a"), image(5, "c", 1024))),
    )
    called = Message(role="assistant", tool_calls=CALLS)
    asked = (user("Look", image(0, "c", 256)), called, *results)
    pictures = (seen(1, 2, "c"), seen(1, 3, "b"), seen(1, 4, "a"), seen(1, 5, "C"))
    for vocabulary in (SEEING, TOOLLESS):
        prepared = made(asked, *pictures, vocabulary=vocabulary, tools=(TOOL,))
        assert [(one.digest, one.rows) for one in prepared.pictures] == [("c", 2), ("a", 4), ("C", 5), ("b", 3)]
        pad = vocabulary.special["<|image_pad|>"]
        assert all(set(prepared.prompt[one.at : one.end]) == {pad} for one in prepared.pictures)
        text = text_of(vocabulary, prepared.prompt).replace("<|image_pad|>", "")
        assert text.index("first") < text.index("second")


def test_the_same_picture_twice_is_placed_twice() -> None:
    prepared = made((user("", image()), user("again", image())), seen(2, 1), seen(2, 1))
    assert [one.digest for one in prepared.pictures] == ["d", "d"]
    assert prepared.prompt.count(PAD) == 4


def test_a_model_without_eyes_takes_no_picture() -> None:
    assert "takes text only" in refused((user("", image()),), seen(1, 1), vocabulary=PLAIN).message


def test_a_template_that_does_not_show_each_picture_once_is_not_trusted() -> None:
    keeps_one = SEEING.template.replace("content or []", "(content or [])[:2]")
    error = refused((user("Hi", image(2), image(2, "b")),), seen(1, 1), seen(1, 1, "e"),
                    vocabulary=ByteVocabulary(keeps_one, control=SEEING.control))  # fmt: skip
    assert "shows" in error.message and "of the 2 pictures" in error.message
    assert error.code is ErrorCode.INVALID_REQUEST and error.param == "messages"


def test_a_film_is_no_picture() -> None:
    films = ByteVocabulary(TOOLLESS.template.replace("<|im_end|>", "<|video_pad|><|im_end|>"), TOOLLESS.control, ())
    assert "film" in refused((user("Hi"),), vocabulary=films).message


def test_too_long_a_prompt_says_what_of_it_are_pictures() -> None:
    error = refused((user("Hi", image(), image()),), seen(10, 10), seen(10, 10), context=150)
    assert error.code is ErrorCode.CONTEXT_LENGTH_EXCEEDED
    assert "200 of them for 2 picture(s)" in error.message and "data:" not in error.message
    far = refused((user("Hi", *[image()] * 20),), *[seen(32, 32)] * 20, context=150)
    assert "more than 300 tokens, 20480 of them for 20 picture(s)" in far.message
    assert "picture" not in refused((user("Hi" * 100),), context=150).message


def test_a_picture_that_a_tool_spelled_out_is_told_of() -> None:
    called = (user("Look"), Message(role="assistant", tool_calls=CALLS[:1]))
    spelled = Message(role="tool", content="data:image/png;base64," + 300 * "A", tool_call_id="1")
    assert "as an image part" in refused((*called, spelled), context=200).message


def test_behind_the_last_picture_of_many_tokens_a_later_prompt_may_leave() -> None:
    question = "What is in it?"
    large = made((user(question, image(), image(0, "b")),), seen(15, 10, "e"), seen(15, 10))
    behind = large.pictures[-1].end + 1
    assert behind in large.anchors and large.prompt[behind - 1] == END
    other = made((user("And how many?", image(), image(0, "b")),), seen(15, 10, "e"), seen(15, 10))
    assert other.prompt[:behind] == large.prompt[:behind]
    small = made((user(question, image()),), seen(8, 8))
    assert set(large.anchors) - {behind} and small.pictures[-1].end + 1 not in small.anchors
    assert list(large.anchors) == sorted(large.anchors)


WORDS = st.lists(st.sampled_from([*MARKS, "a", " ", "<", "image_pad|>", "é", "\ud800"]), max_size=6).map("".join)


TURNS = st.lists(st.tuples(WORDS, st.lists(st.integers(0, 20), max_size=3)), min_size=1, max_size=4)


@settings(max_examples=at_most(100), deadline=None)
@given(TURNS, st.integers(1, 5))
def test_every_picture_has_its_rows_and_no_text_has_any(turns: list[tuple[str, list[int]]], columns: int) -> None:
    messages = tuple(
        Message.model_construct(
            role="user",
            content=f"x{text}",
            images=tuple(image(min(at, len(text))) for at in sorted(places)),
            **{
                name: Message(role="user").__dict__[name]
                for name in ("reasoning", "name", "tool_calls", "tool_call_id")
            },
        )
        for text, places in turns
    )
    count = sum(len(message.images) for message in messages)
    request = ChatRequest.model_construct(
        **{**ChatRequest(messages=(user(""),), max_tokens=9).__dict__, "messages": messages}
    )
    prepared = prepare(request, (), 100_000, SEEING, "qwen-xml", seen=(seen(columns, 2),) * count)
    rows = [index for one in prepared.pictures for index in range(one.at, one.end)]
    assert rows == [index for index, token in enumerate(prepared.prompt) if token == PAD]
    assert len(rows) == 2 * columns * count and len(prepared.pictures) == count
