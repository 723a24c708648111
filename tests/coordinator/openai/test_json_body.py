"""Bodies from strangers: whatever is beyond the bounds is a SupernetError, never a crash or a long wait."""

import pytest

from coordinator.openai.json_body import MAX_BODY_BYTES, MAX_DEPTH, MAX_VALUES, load
from wire.errors import ErrorCode, SupernetError


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def refusal(body: bytes) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        load(body)
    return caught.value


def test_an_ordinary_body_is_read_as_it_is() -> None:
    assert load('{"a": [1, 2.5, null, true, "ä😀"]}'.encode()) == {"a": [1, 2.5, None, True, "ä😀"]}


def test_a_body_of_the_limit_is_read_and_one_byte_more_is_413() -> None:
    assert load(b'"' + b"a" * (MAX_BODY_BYTES - 2) + b'"')
    error = refusal(b'"' + b"a" * (MAX_BODY_BYTES - 1) + b'"')
    assert error.code is ErrorCode.REQUEST_TOO_LARGE
    assert error.row.status == 413


def test_sixty_four_levels_are_read_and_sixty_five_are_refused() -> None:
    assert load(nested(MAX_DEPTH))
    assert "65 levels" in refusal(nested(MAX_DEPTH + 1)).message


@pytest.mark.parametrize("body", [nested(199), nested(100_000), b"[" * 4_000_000, b'{"a":' * 700_000])
def test_deep_bodies_end_in_a_400_and_not_in_a_recursion_error(body: bytes) -> None:
    assert refusal(body).code is ErrorCode.INVALID_REQUEST


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{} {}",
        b"[1,]",
        b"NaN",
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b"1e999",
        b"-1e999",
        b"9" * 21,
        b"9" * 5000,
        b'"\xff"',
        b'"\xed\xa0\x80"',
        rb'"\ud800"',
        rb'"\udc00"',
        rb'{"\ud83d": 1}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_what_is_not_utf8_json_is_refused(body: bytes) -> None:
    error = refusal(body)
    assert error.code is ErrorCode.INVALID_REQUEST
    assert error.param is None


def test_the_error_of_a_body_does_not_quote_it() -> None:
    assert "secret" not in refusal(b'{"messages": "secret words').message


def test_large_finite_numbers_that_real_schemas_hold_are_read() -> None:
    assert load(b"[18446744073709551615, 1e300]") == [18446744073709551615, 1e300]


def test_more_values_than_the_limit_are_refused() -> None:
    assert load(b"[" + b"0," * (MAX_VALUES - 2) + b"0]")
    assert "values" in refusal(b"[" + b"0," * MAX_VALUES + b"0]").message
