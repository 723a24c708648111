"""Forms: what a client's library writes is read, what is broken is refused, and nothing is without a bound."""

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.openai.media.form import MAX_PARTS, Form, is_form, read_form
from wire.errors import ErrorCode, SupernetError

FORM = "multipart/form-data; boundary=b"


def part(head: str, data: str = "x") -> bytes:
    return f"--b\r\n{head}\r\n\r\n{data}\r\n".encode()


def named(name: str, data: str = "x") -> bytes:
    return part(f'Content-Disposition: form-data; name="{name}"', data)


def test_what_httpx_writes_is_read() -> None:
    request = httpx.Request(
        "POST",
        "http://a",
        data={"prompt": "a fóx\r\n", "n": "2", "stream": "true", "size": "64x64"},
        files=[("image[]", ("ä.png", b"one\r\n--b", "image/png")), ("image[]", ("b", b"", "image/png"))],
    )
    body = request.read()
    assert is_form(request.headers["content-type"])
    form = read_form(body, request.headers["content-type"])
    assert form.values == {"prompt": "a fóx\r\n", "n": 2, "stream": True, "size": "64x64"}
    assert form.files == (("image", b"one\r\n--b"), ("image", b""))


@pytest.mark.parametrize("value", ["2.5", "two", "", "1" * 21])
def test_a_number_that_is_none_stays_text_for_the_reader_to_refuse(value: str) -> None:
    assert read_form(named("n", value) + b"--b--", FORM).values == {"n": value}


@pytest.mark.parametrize(
    ("body", "content_type", "words"),
    [
        (named("a") + b"--b--", "multipart/form-data", "no boundary"),
        (b"nothing", FORM, "as its boundary says"),
        (named("a"), FORM, "ends before"),
        (b"", FORM, "ends before"),
        (part("Content-Disposition: form-data") + b"--b--", FORM, "without a name"),
        (part("Content-Type: text/plain") + b"--b--", FORM, "without a name"),
        (named("a") * 2 + b"--b--", FORM, "'a' twice"),
        (named("a", "x" * 128_001) + b"--b--", FORM, "128,001 bytes"),
        (named("a").replace(b"x", b"\xff") + b"--b--", FORM, "not UTF-8"),
        (part("X: " + "y" * 5000) + b"--b--", FORM, "as its boundary says"),
        (b"".join(named(f"f{n}") for n in range(MAX_PARTS + 1)) + b"--b--", FORM, "more than 64 parts"),
    ],
)
def test_what_is_no_form_is_refused(body: bytes, content_type: str, words: str) -> None:
    with pytest.raises(SupernetError, match=words) as raised:
        read_form(body, content_type)
    assert raised.value.code is ErrorCode.INVALID_REQUEST


@given(st.binary(max_size=300))
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(read_form(b"--b\r\n" + body, FORM), Form)
    except SupernetError:
        pass


def test_json_is_no_form() -> None:
    assert not is_form("application/json") and not is_form("") and is_form("Multipart/Form-Data;boundary=x")
