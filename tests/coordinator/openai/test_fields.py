"""The reader that cannot overlook a field."""

from collections.abc import Callable
from typing import Any

import pytest

from coordinator.openai.field_table import REFUSED
from coordinator.openai.fields import Fields, agreed, camel
from wire.errors import ErrorCode, SupernetError


def refusal(call: Callable[[], object]) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        call()
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    return caught.value


def test_what_nobody_took_is_refused_by_name() -> None:
    fields = Fields({"known": 1, "odd": 2}, "tools[3]")
    fields.take("known")
    error = refusal(fields.finish)
    assert (error.param, error.message) == ("tools[3].odd", "Unknown parameter: 'tools[3].odd'.")


def test_an_unknown_name_is_cut_before_it_is_quoted() -> None:
    error = refusal(Fields({"x" * 10_000: 1}).finish)
    assert len(error.message) < 120


def test_an_unknown_field_that_is_null_asks_for_nothing() -> None:
    """Programs that fill in a record of all fields they know send most of them so."""
    Fields({"odd": None}).finish()
    assert refusal(Fields({"odd": None, "even": 0}).finish).param == "even"


def test_camel_case_is_the_same_field() -> None:
    assert camel("continuous_usage_stats") == "continuousUsageStats"
    fields = Fields({"maxTokens": 3})
    assert fields.integer("max_tokens", 1) == 3
    fields.finish()


def test_both_spellings_must_agree() -> None:
    assert Fields({"max_tokens": 3, "maxTokens": 3}).integer("max_tokens", 1) == 3
    assert Fields({"max_tokens": None, "maxTokens": 3}).integer("max_tokens", 1) == 3
    assert Fields({"max_tokens": 3, "maxTokens": None}).integer("max_tokens", 1) == 3
    error = refusal(lambda: Fields({"max_tokens": 3, "maxTokens": 4}).integer("max_tokens", 1))
    assert "same parameter" in error.message


def test_null_is_not_given() -> None:
    fields = Fields({"a": None, "b": None, "c": None, "d": None, "e": None, "f": None, "g": None})
    assert fields.text("a") is None
    assert fields.flag("b") is None
    assert fields.integer("c", 0) is None
    assert fields.number("d", 0, 1) is None
    assert fields.choice("e", ("x",)) is None
    assert fields.array("f", 3) is None
    assert fields.inner("g") is None
    fields.finish()


def test_a_whole_number_may_be_written_as_a_decimal_one() -> None:
    """JSON knows one kind of number, and 1.0 is an integer by JSON Schema."""
    number = Fields({"n": 3.0}).integer("n", 0, 9)
    assert number == 3 and isinstance(number, int)


READERS: list[tuple[str, Callable[[Fields], object], list[Any]]] = [
    ("a string", lambda fields: fields.text("it"), [1, True, [], {}]),
    ("a boolean", lambda fields: fields.flag("it"), [0, 1, "true", []]),
    ("an integer", lambda fields: fields.integer("it", 0, 9), [True, 1.5, 1e300, "1", []]),
    ("a number", lambda fields: fields.number("it", 0, 9), [True, "1", {}]),
    ("an array", lambda fields: fields.array("it", 9), [{}, "x", 1]),
    ("an object", lambda fields: fields.inner("it"), [[], "x", False]),
]


@pytest.mark.parametrize(("expected", "read", "values"), READERS, ids=[expected for expected, _, _ in READERS])
def test_a_wrong_type_says_what_was_expected(
    expected: str, read: Callable[[Fields], object], values: list[Any]
) -> None:
    for value in values:
        error = refusal(lambda value=value: read(Fields({"it": value}, "at")))  # type: ignore[misc]
        assert error.param == "at.it"
        assert f"expected {expected}, got" in error.message


def test_numbers_include_their_ends() -> None:
    assert Fields({"it": 0}).number("it", 0, 2) == 0
    assert Fields({"it": 2}).number("it", 0, 2) == 2
    assert refusal(lambda: Fields({"it": 2.001}).number("it", 0, 2)).param == "it"


def test_texts_and_arrays_are_bounded() -> None:
    assert Fields({"it": "abc"}).text("it", low=3, high=3) == "abc"
    assert "got 4" in refusal(lambda: Fields({"it": "abcd"}).text("it", high=3)).message
    assert refusal(lambda: Fields({"it": ""}).text("it", low=1)).param == "it"
    assert Fields({"it": [1, 2]}).array("it", 2) == [1, 2]
    assert "at most 1" in refusal(lambda: Fields({"it": [1, 2]}).array("it", 1)).message


def test_a_choice_lists_its_values() -> None:
    assert "'a', 'b'" in refusal(lambda: Fields({"it": "c"}).choice("it", ("a", "b"))).message
    assert refusal(lambda: Fields({"it": ["a"]}).choice("it", ("a", "b"))).param == "it"


def test_only_listed_fields_can_be_accepted_without_effect() -> None:
    Fields({"store": True}).accept("store")
    with pytest.raises(KeyError):
        Fields({"temperature": 1}).accept("temperature")


def test_a_limited_value_is_compared_as_json_has_it() -> None:
    Fields({"safe_content_filter": False}).limit("safe_content_filter")
    assert (
        refusal(lambda: Fields({"safe_content_filter": 0}).limit("safe_content_filter")).param == "safe_content_filter"
    )
    Fields({"top_a": 0.0, "typical_p": 1.0}).limit("top_a", "typical_p")
    assert refusal(lambda: Fields({"top_a": False}).limit("top_a")).param == "top_a"


def test_a_warning_is_said_once_whatever_object_has_it() -> None:
    fields = Fields({"inner": {"x": 1}})
    fields.warn("outside")
    inner = fields.inner("inner")
    assert inner is not None
    for _ in range(2):
        inner.warn("inside")
    assert list(fields.warnings) == ["outside", "inside"]


def test_warnings_are_bounded() -> None:
    fields = Fields({})
    for number in range(1000):
        fields.warn(str(number))
    assert len(fields.warnings) == 32


def test_several_names_of_one_parameter_must_agree() -> None:
    assert agreed(("a", None), ("b", 3), ("c", 3)) == 3
    assert agreed(("a", None)) is None
    assert agreed(("a", False), ("b", None)) is False
    error = refusal(lambda: agreed(("a", 1), ("b", 2)))
    assert (error.param, error.message) == ("b", "'a' and 'b' are the same parameter: send one of them.")


def test_refused_fields_pass_while_they_ask_for_nothing() -> None:
    fields = Fields({"functions": [], "audio": None})
    fields.refuse(REFUSED)
    fields.finish()
    assert "use 'tools'" in refusal(lambda: Fields({"functions": [{}]}).refuse(REFUSED)).message
