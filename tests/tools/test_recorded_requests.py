"""Requests of other people's programs: each field of each is taken, or refused for a reason that the table has.

tests/tools/recorded_requests.jsonl has them, without their words. `python -m tools.compat.record` and scripts/compat
record them anew.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tools.compat import fields
from tools.compat.record import cassettes
from tools.compat.recorded import FILLER, Request, Source, keep, load, shape, wordless
from tools.compat.verdicts import judge

SOURCES, REQUESTS = load()
CHATS = {api.path: api for api in fields.CHATS}
# Fields that suites made up, to see that their SDK passes on what it does not know.
MADE_UP = {"experimental_fixture", "extra_transport_field", "input[].extra", "input[].future", "input[].next_field"}


@cache
def outcomes(path: str) -> dict[str, str]:
    return {row.field: row.outcome for row in fields.survey(CHATS[path])}


@cache
def listed(path: str) -> frozenset[str]:
    """Every field of the table, and the objects around one."""
    found = set(outcomes(path))
    for field in outcomes(path):
        while (field := re.sub(r"(\[\])?\.?[^.]*$", "", field)) and field not in found:
            found.add(field)
    return frozenset(found)


def test_there_are_three_hundred_of_many_sources_with_version_and_licence() -> None:
    assert len(REQUESTS) >= 300
    counts = Counter(request.source for request in REQUESTS)
    assert set(counts) == set(SOURCES)
    assert len(counts) >= 20
    assert all(source.version and source.licence and source.about for source in SOURCES.values())
    assert set(CHATS) == {request.path for request in REQUESTS}


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_every_field_is_taken_or_refused_as_the_table_says(source: str) -> None:
    for request in (one for one in REQUESTS if one.source == source):
        verdict = judge(CHATS[request.path], request.body)
        rows = outcomes(request.path)
        for field, message in verdict.refused:
            assert refused_rightly(rows.get(field, ""), field, message), (request.path, field, message)
        for field in verdict.taken:
            assert field in listed(request.path) or field.endswith("type"), (request.path, field)
            assert rows.get(field) != "refused", (request.path, field)
        assert not verdict.unread, (request.path, verdict.unread)


def refused_rightly(outcome: str, field: str, message: str) -> bool:
    """By a row of the table, by what an object's type is or its value, or because something is missing."""
    if message.startswith("Unknown parameter"):
        return field in MADE_UP
    if outcome.startswith(("refused", "honoured for")):
        return message.startswith("Unsupported")
    typed = field.endswith("type") and ("not accepted" in message or "Here: " in message)
    return typed or message.startswith(("Missing required", "Invalid"))


def test_clients_that_people_use_are_never_refused() -> None:
    """Those of scripts/compat, behind whose relay they came as they are."""
    asked = [request for request in REQUESTS if "scripts/compat" in SOURCES[request.source].about]
    assert len(asked) > 100
    for request in asked:
        assert judge(CHATS[request.path], request.body).refused == (), request.source


def test_no_words_of_anybody_are_kept() -> None:
    texts = [text for request in REQUESTS for text in strings(request.body)]
    assert not [text for text in texts if len(text) > 256]
    assert not [text for text in texts if text.startswith(("/root", "/tmp", "/home", "/work"))]


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            yield from strings(json.loads(value))
        except ValueError:
            yield value
    elif isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def test_words_give_way_and_what_chooses_stays() -> None:
    sent = {
        "messages": [{"role": "user", "content": "A long question, about nothing that matters at all."}] * 2,
        "tools": [
            {"name": name, "description": "d", "input_schema": {"pattern": "^" + "a" * 50}} for name in ("one", "two")
        ],
        "arguments": json.dumps({"path": "/home/me/file", "n": 1}),
        "image": "data:image/png;base64,AAAA",
        "effort": "low",
    }
    kept = wordless(sent)
    assert kept["messages"] == [{"role": "user", "content": FILLER}]
    assert kept["tools"] == [{"name": "one", "description": FILLER, "input_schema": {"pattern": "^" + "a" * 50}}]
    assert json.loads(kept["arguments"]) == {"path": "0" * 40, "n": 1}
    assert kept["image"].startswith("data:image/png;base64,iVBOR")
    assert (kept["effort"], wordless("https://example.com/secret")) == ("low", "https://example.org/")


def test_a_request_is_kept_for_a_field_or_a_choice_that_is_new(tmp_path: Path) -> None:
    file = tmp_path / "recorded.jsonl"
    source = Source("a", "1", "MIT", "a client")
    one, other = {"effort": "low", "max_tokens": 5}, {"effort": "high", "max_tokens": 9}
    assert shape(one) != shape(other)
    assert keep(source, [("/v1/x", body) for body in (one, {"max_tokens": 7}, other, 5)], file) == 2
    keep(Source("b", "1", "MIT", "another"), [("/v1/x", one)], file)
    assert keep(source, [("/v1/y", one)], file) == 1
    assert load(file) == (
        {"a": source, "b": Source("b", "1", "MIT", "another")},
        [Request("a", "/v1/y", one), Request("b", "/v1/x", one)],
    )


def test_cassettes_are_read_plain_or_packed_and_with_their_addresses_struck_out(tmp_path: Path) -> None:
    plain = """
    interactions:
    - request: {uri: 'https://example.org/v1/chat/completions', method: POST, body: '{"a": 1}'}
    - request: {uri: 'https://example.org/v1/models', method: GET, body: null}
    """
    (tmp_path / "a.yaml").write_text(plain)
    bodies = ["!!binary eyJpbnB1dCI6ICJ4In0=", """'{"messages": []}'"""]
    packed = "requests:\n" + "".join(f"- {{uri: '**', body: {body}}}\n" for body in bodies)
    (tmp_path / "b.yaml.gz").write_bytes(gzip.compress(packed.encode()))
    assert list(cassettes(tmp_path, "/v1/messages")) == [
        ("/v1/chat/completions", {"a": 1}),
        ("/v1/responses", {"input": "x"}),
        ("/v1/messages", {"messages": []}),
    ]


def test_a_request_is_read_again_without_what_is_refused() -> None:
    api = CHATS["/v1/chat/completions"]
    picture = {"type": "sketch", "sketch": {}}
    body = {
        "model": "of another server",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, picture]}],
        "functions": [1],
        "maxTokens": 0,
        "wish": 1,
        "metadata": {"k": "v"},
        "tools": [{"type": "web_search", "filters": {}}],
    }
    verdict = judge(api, body)
    assert {field for field, _ in verdict.refused} == {
        "functions",
        "max_tokens",
        "wish",
        "messages[].content[].type",
    }
    assert {"model", "metadata", "messages[].content[].text", "tools[].type"} <= verdict.taken
    assert not verdict.unread
