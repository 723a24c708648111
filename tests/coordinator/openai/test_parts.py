"""Typed parts: which are text, which have words in their place, and what is said of those that can be neither."""

from typing import Any

import pytest

from coordinator.openai.fields import Fields
from coordinator.openai.images import Sent
from coordinator.openai.parts import Content, PartKind, picture_kind, read_content, read_text, read_texts
from tests.coordinator.pictures import shown, unseen
from wire.errors import SupernetError

TEXT = PartKind("text", "text")
NOTE = PartKind("note", "words")
GONE = PartKind("gone", instead="[gone]")


def never(fields: Fields) -> Sent:
    raise AssertionError("no picture is read here")


def text(words: Any) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_a_string_is_one_part_of_the_first_kind_and_nothing_is_nothing() -> None:
    assert read_texts(Fields({"a": "x"}), "a", TEXT, NOTE) == [(TEXT, "x")]
    assert read_text(Fields({"a": "x"}), "a", TEXT) == "x"
    assert read_content(Fields({"a": "x"}), "a", shown(), TEXT) == Content("x")
    assert read_texts(Fields({}), "a", TEXT) is None
    assert read_text(Fields({}), "a", TEXT) is None
    assert read_content(Fields({}), "a", shown(), TEXT) is None


def test_each_kind_has_its_text_under_its_key_and_one_that_is_left_out_its_words() -> None:
    parts = [text("a"), {"type": "note", "words": "b"}, {"type": "gone", "whatever": [1]}]
    assert read_texts(Fields({"a": parts}), "a", TEXT, NOTE, GONE) == [(TEXT, "a"), (NOTE, "b"), (GONE, "[gone]")]
    assert read_text(Fields({"a": parts}), "a", TEXT, NOTE, GONE) == "ab[gone]"


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "video"}, "'video' parts are not accepted here: the model takes text only ('text' or 'note')"),
        ({"type": "x" * 33}, "this part is not accepted here"),
        ({"type": ["text"]}, "this part is not accepted here"),
        ({}, "this part is not accepted here"),
    ],
)
def test_what_is_of_no_kind_is_named_with_the_kinds_that_there_are(part: Any, said: str) -> None:
    with pytest.raises(SupernetError) as caught:
        read_text(Fields({"a": [part]}, "m"), "a", TEXT, NOTE, GONE)
    assert caught.value.param == "m.a[0].type"
    assert said in caught.value.message


def test_only_messages_of_the_user_and_of_a_tool_have_pictures_that_are_read() -> None:
    for role in ("system", "developer", "assistant"):
        for pictures in (shown(), unseen()):
            kind = picture_kind(role, pictures, "picture", never)
            assert kind.refused
            assert not kind.picture
    assert picture_kind("user", shown(), "picture", never).picture is never
    assert picture_kind("tool", shown(), "picture", never).picture is never
    assert picture_kind("user", unseen(), "picture", never).refused == unseen().text_only
    assert picture_kind("tool", unseen(), "picture", never).picture is None
