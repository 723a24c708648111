"""The pages of docs/ that are made from the code are those that are committed, and leave nothing out."""

import json
import re
from typing import get_args

import pytest

from tools.docs.__main__ import DOCS, pages
from tools.docs.plans import BOXES, Box, planned
from tools.docs.protocol import value
from wire import messages
from wire.errors import ErrorCode


@pytest.mark.parametrize("name", pages())
def test_the_committed_page_is_what_the_code_says(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == pages()[name], "run scripts/docs"


@pytest.mark.parametrize("box", [box for box in BOXES if box.free], ids=lambda box: box.name)
def test_every_gpu_of_the_table_serves_four_long_chats(box: Box) -> None:
    engine = planned(box).engine
    assert engine.slots >= 4 and engine.context >= 32_768 and engine.gpu_layers == -1
    if sum(box.free) >= 24 * 0.9:
        assert not engine.cpu_expert_layers, "from 24 GiB on nothing is computed in main memory"
    if sum(box.free) >= 44:
        assert engine.context == 262_144 and engine.kv_type == "f16", "somebody has the longest context"


def test_every_frame_and_every_error_code_is_in_the_page_of_the_protocol() -> None:
    page = pages()["protocol.md"]
    for union in (messages.ToCoordinator, messages.ToWorker):
        for frame in get_args(get_args(union)[0]):
            assert f"### `{frame.model_fields['type'].default}`" in page
    assert all(f"| `{code.value}` |" in page for code in ErrorCode)


def test_every_link_inside_the_page_leads_somewhere() -> None:
    page = pages()["protocol.md"]
    places = {
        re.sub(r"[`]", "", title).strip().lower().replace(" ", "-") for title in re.findall(r"^#+ (.+)$", page, re.M)
    }
    assert set(re.findall(r"\(#([\w-]+)\)", page)) <= places


def test_every_reference_of_the_schemas_is_in_them() -> None:
    text = pages()["protocol.schema.json"]
    assert set(re.findall(r'"#/\$defs/(\w+)"', text)) <= set(json.loads(text)["$defs"])


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "minimum": 0, "exclusiveMaximum": 2**53}, "integer from 0 below 2^53"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 2}, "number above 0 to 2"),
        ({"type": "array", "items": {"type": "string"}, "maxItems": 3}, "list of text, at most 3"),
        ({"anyOf": [{"$ref": "#/$defs/Gpu"}, {"type": "null"}]}, "[Gpu](#gpu) or null"),
        ({}, "any JSON"),
    ],
)
def test_a_schema_in_words(schema: dict[str, object], words: str) -> None:
    assert value(schema) == words
