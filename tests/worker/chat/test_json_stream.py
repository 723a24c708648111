"""A stream of JSON, right or wrong, gives the beginning of valid JSON at every moment."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.chat.json_stream import JsonStream

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def copied(text: str) -> str:
    stream = JsonStream()
    stream.take(text, 0)
    return stream.drain() + stream.close()


@given(values, st.booleans(), st.sampled_from([None, 1]))
def test_what_json_writes_is_copied(value: Any, ascii: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii, indent=indent)
    stream = JsonStream()
    stream.take(text, 0)
    assert not stream.repaired
    assert stream.drain() + stream.close() == json.dumps(value, ensure_ascii=ascii)


@given(st.text(alphabet="{}[]\",:'\\ \n-+.e01truefalsNone<é\x00", max_size=40))
def test_any_text_becomes_valid_json(text: str) -> None:
    json.loads(copied(text))


@given(values.map(json.dumps), st.data())
def test_every_beginning_can_be_closed(text: str, data: st.DataObject) -> None:
    json.loads(copied(text[: data.draw(st.integers(0, len(text)))]))


@given(st.text(alphabet="{}[]\",:'\\ \n01trueNon<é", max_size=30))
def test_single_characters_give_the_same(text: str) -> None:
    whole, single, rest = JsonStream(), JsonStream(), ""
    end = whole.take(text, 0)
    for at, char in enumerate(text):
        rest += char
        rest = rest[single.take(rest, 0) :]
        if single.done or single.junk:
            rest += text[at + 1 :]
            break
    assert text[end:] == rest
    assert (single.done, single.junk, single.repaired) == (whole.done, whole.junk, whole.repaired)
    assert single.drain() + single.close() == whole.drain() + whole.close()


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{'a': 'it\\'s \"b\"'}", {"a": 'it\'s "b"'}),
        ("{a: True, b: None}", {"a": True, "b": None}),
        ('{"a": 1,, "b": 2}', {"a": 1}),
        ('{"a" "b"}', {"a": None}),
        ('{"a":}', {"a": None}),
        ('{"a"}', {"a": None}),
        ("[1 2,]", [1, 2]),
        ('["\\x", "\t"]', ["\\x", "\t"]),
        ("[01, 1., .5]", ["01", "1.", ".5"]),
        ('{"a": [}', {"a": []}),
        ('{"a": tr{ue, "b": 2}', {"a": "tr"}),
        ('{"a": "b" [1]}', {"a": "b"}),
    ],
)
def test_repairs(text: str, result: Any) -> None:
    assert json.loads(copied(text)) == result
