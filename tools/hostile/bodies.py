"""Bodies that are no JSON, too deep or too large, and what HTTP itself allows around them."""

import json
from collections.abc import Iterator

from tools.hostile.request import MIB, Hostile, ask, assistant_calls, chat, raw, tool
from wire.chat import MAX_CALLS


def not_json() -> Iterator[Hostile]:
    yield raw("an empty body", b"", 400)
    yield raw("a body of zero bytes", bytes(100), 400)
    yield raw("a body that is no UTF-8", b'{"messages": "\xff\xfe"}', 400)
    yield raw("overlong UTF-8", b'{"messages": [{"role": "user", "content": "\xc0\xbc"}]}', 400)
    yield raw("a byte order mark", b"\xef\xbb\xbf" + json.dumps(chat()).encode(), 400)
    yield raw("UTF-16", json.dumps(chat()).encode("utf-16"), 400)
    yield raw("a cut body", json.dumps(chat()).encode()[:-3], 400)
    yield raw("two bodies", json.dumps(chat()).encode() * 2, 400)
    yield raw("a list", b"[]", 400)
    yield raw("a number", b"1", 400)
    yield raw("null", b"null", 400)
    yield raw("single quotes", b"{'messages': []}", 400)
    yield raw("a comment", b'{"messages": [] /* x */}', 400)
    yield raw("NaN", json.dumps(chat(temperature=float("nan"))).encode(), 400)
    yield raw("Infinity", json.dumps(chat(temperature=float("inf"))).encode(), 400)
    yield raw("a lone surrogate in a message", json.dumps(chat("\ud800")).encode(), 400)
    yield raw("a lone surrogate in a key", json.dumps(chat(**{"\udfff": 1})).encode(), 400)
    yield raw("a raw control character", b'{"messages": [{"role": "user", "content": "\x00\x1f"}]}', 400)
    yield raw("a number of a million digits", b'{"seed": ' + b"9" * 1_000_000 + b"}", 400)
    yield raw("an exponent beyond all", b'{"temperature": 1e999999}', 400)


def deep() -> Iterator[Hostile]:
    for depth in (65, 1000, 20_000, 1_000_000):
        yield raw(f"lists {depth} deep", b'{"metadata": ' + b"[" * depth + b"]" * depth + b"}", 400)
    yield raw("objects 20,000 deep", b'{"metadata": ' + b'{"a":' * 20_000 + b"1" + b"}" * 20_001, 400)
    yield raw("open lists to the limit of size", b"[" * (4 * MIB), 400)
    yield raw("a million values", b'{"metadata": [' + b"0," * 1_000_000 + b"0]}", 400)
    yield raw("a hundred thousand keys", json.dumps({f"k{i}": i for i in range(100_000)}).encode(), 400)


def large() -> Iterator[Hostile]:
    for name, unit in {
        "brackets": "<",
        "blanks": " ",
        "tabs and blanks": " \t",
        "line ends": "\n",
        "one letter": "a",
        "digits": "7",
        "words": "lorem ipsum ",
        "emoji": "😀",
        "combining marks": "e\u0301\u0302",
        "zero-width joiners": "\u200d",
        "text from the right": "\u202eabc",
        "zero bytes": "\x00",
        "private characters": "\ue000",
    }.items():
        text = unit * (4_100_000 // len(json.dumps(unit, ensure_ascii=False).encode()[1:-1]))
        body = json.dumps(chat(text), ensure_ascii=False).encode()
        yield raw(f"4 MB of {name}", body, 400)
    yield ask("a message of 10 MB", chat("x" * (10 * MIB)), 413)
    yield ask("a thousand messages of 4 KB", {"messages": [{"role": "user", "content": "x" * 4000}] * 1000}, 400)
    yield ask("2,049 messages", {"messages": [{"role": "user", "content": "x"}] * 2049}, 400)
    yield ask("2,000 tools", chat(tools=[tool({}, name=f"f{i}") for i in range(2000)]), 400)
    yield ask("tools over their size", chat(tools=[tool({}, description="x" * 300_000)]), 400)
    yield ask("128 tools with the same name", chat(tools=[tool({})] * 128), 400)
    yield ask("50,000 text parts", chat([{"type": "text", "text": "x"}] * 50_000), 400)
    calls = assistant_calls(*["{}"] * (MAX_CALLS + 1))
    yield ask(f"{MAX_CALLS + 1:,} calls in a turn", {"messages": [{"role": "user", "content": "x"}, calls]}, 400)


def http() -> Iterator[Hostile]:
    body = json.dumps(chat()).encode()
    yield raw("no key", body, 401, key=False)
    yield raw("a key of 50 KB", body, 401, key=False, headers={"Authorization": "Bearer " + "x" * 50_000})
    yield raw("a key of other letters", body, 401, key=False, headers={"Authorization": b"Bearer sk-\xff\xfe"})
    yield raw("headers of 100 KB", body, 431, headers={"X-Much": "x" * 100_000})
    yield raw("a deadline that is no number", body, 400, headers={"x-stainless-read-timeout": "NaN"})
    yield raw("a way to pay that there is not", body, 400, headers={"X-Token-Type": "gold"})
    yield raw("an id with a line end", body, 200, headers={"x-request-id": "a" * 500})
    yield raw("a get of the chat", b"", 405, method="GET")
    yield raw("a model of nested dots", b"", 404, method="GET", path="/v1/models/..%2f..%2fetc%2fpasswd")
    yield raw("a path of 8 KB", b"", 404, method="GET", path="/" + "x" * 8000)
