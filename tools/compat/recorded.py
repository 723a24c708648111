"""Requests of other people's programs, as a relay saw them: whole in their fields, without their words.

One file holds them, a line each, under a line for each source that says what it is, its version and its licence. Texts
give way to a filler of the same kind: what a client sends where is a fact, what it says is its author's. A request is
kept if it has a field, or chooses something, that none before it of the same source has; and of the tools, messages
and blocks in it that look alike, one.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[2] / "tests" / "tools" / "recorded_requests.jsonl"
RECORDED_JOBS = RECORDED.parents[1] / "coordinator" / "sogni" / "recorded_jobs.jsonl"
JOBS = "llmJobRequest"  # in the place of a path: what Sogni's SDKs ask for over their socket
PATHS = ("/v1/chat/completions", "/v1/responses", "/v1/messages")
MOST_CHARS = 40  # of a text that is kept as it is
FILLER = "words, words"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # one dot
NO_UUID = "00000000-0000-0000-0000-000000000000"  # of an installation or a session
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORDS = ("text", "content", "description", "instructions", "input", "thinking", "output", "title")  # hold prose
_CHOICE = re.compile(r"[a-z_0-9.-]{1,32}")
_LISTS = ("tools", "messages", "input", "content", "functions")  # of which one that looks alike is enough
_PROSE = ("description", "title")
_OF_A_TOOL = re.compile(r"(\.(parameters|input_schema|schema)\b|\bname=).*")  # what is its own in each
_LEFT_AS_THEY_ARE = ("pattern", "$ref", "$schema")


@dataclass(frozen=True)
class Source:
    """`about`: which program it is, and what of it was run."""

    name: str
    version: str
    licence: str
    about: str


@dataclass(frozen=True)
class Request:
    source: str
    path: str
    body: dict[str, Any]


def load(file: Path = RECORDED) -> tuple[dict[str, Source], list[Request]]:
    sources: dict[str, Source] = {}
    requests: list[Request] = []
    name = ""
    for line in file.read_text().splitlines() if file.exists() else ():
        entry = json.loads(line)
        if "licence" in entry:
            name = entry["name"]
            sources[name] = Source(**entry)
        else:
            requests.append(Request(name, **entry))
    return sources, requests


def keep(source: Source, requests: Iterable[tuple[str, Any]], file: Path = RECORDED) -> int:
    """Put what a source sent in the place of what it sent before; returns how many different ones there are."""
    sources, others = load(file)
    kept = [Request(source.name, path, body) for path, body in _different(requests)]
    sources[source.name] = source
    requests_of = {name: [one for one in others if one.source == name] for name in sources} | {source.name: kept}
    lines: list[Any] = []
    for name in sorted(sources):
        lines.append(asdict(sources[name]))
        lines += [{"path": one.path, "body": one.body} for one in requests_of[name]]
    file.write_text("".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines))
    return len(kept)


def _different(requests: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    seen: dict[str, set[str]] = {}
    for path, body in requests:
        if isinstance(body, dict):
            scrubbed = wordless(body)
            marks, known = shape(scrubbed), seen.setdefault(path, set())
            if not marks <= known:
                known |= marks
                yield path, scrubbed


def shape(value: Any) -> frozenset[str]:
    """The fields, and the values that choose something."""
    return frozenset(_marks(value, ""))


def _marks(value: Any, path: str) -> Iterator[str]:
    match value:
        case dict():
            yield f"{path}{{}}"
            for name, inner in value.items():
                yield from _marks(inner, f"{path}.{name}")
        case list():
            yield f"{path}[{min(len(value), 1)}]"
            for inner in value:
                yield from _marks(inner, f"{path}[]")
        case str():
            words = path.rpartition(".")[2].removesuffix("[]") in _WORDS
            yield f"{path}={value if _CHOICE.fullmatch(value) and not words else bool(value)}"
        case bool() | None:
            yield f"{path}={value}"
        case _:
            yield f"{path}={'-' if value < 0 else '0' if value == 0 else '+'}{type(value).__name__}"


def wordless(value: Any, name: str = "") -> Any:
    """The same without its words, and with one of each kind in its lists."""
    match value:
        case dict():
            return {key: inner if key in _LEFT_AS_THEY_ARE else wordless(inner, key) for key, inner in value.items()}
        case list():
            items = [wordless(inner, name) for inner in value]
            return _one_of_each(items) if name in _LISTS and all(isinstance(item, dict) for item in items) else items
        case str():
            return _filler(value) if name not in _PROSE or not value else FILLER
        case _:
            return value


def _one_of_each(items: list[Any]) -> list[Any]:
    """The first of those that look alike; of tools without a look at their names and schemas."""
    found: dict[object, Any] = {}
    for item in items:
        found.setdefault(frozenset(_OF_A_TOOL.sub("", mark) for mark in shape(item)), item)
    return list(found.values())


def _filler(text: str) -> str:
    text = _UUID.sub(NO_UUID, text)
    if text.startswith("data:"):
        return f"{text[:64].partition(',')[0]},{PICTURE}"
    if text.startswith(("{", "[")):
        try:
            return json.dumps(wordless(json.loads(text)))  # the arguments of a call
        except ValueError:
            pass
    if re.match(r"https?://", text):
        return "https://example.org/"
    if len(text) > MOST_CHARS or text.startswith(("/", "file:")):
        return FILLER if re.search(r"\s", text) else "0" * MOST_CHARS
    return text
