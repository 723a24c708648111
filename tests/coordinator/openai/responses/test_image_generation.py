"""The tool that draws: what a client may say of its pictures, honoured or refused by name."""

from typing import Any

import pytest
from openai.types.responses import Tool
from pydantic import TypeAdapter

from coordinator.media.tools import NAMES
from coordinator.openai.media.fields import EDIT_ACCEPTED
from coordinator.openai.responses.fields import PICTURES_REFUSED, ResponsesFields
from coordinator.openai.responses.image_generation import DRAWING, shown_tool
from coordinator.openai.responses.tools import read_toolbox
from coordinator.request import PictureWish
from wire.errors import ErrorCode, SupernetError

TOOL = {"type": "image_generation"}


def read(stream: bool = True, **fields: Any) -> PictureWish:
    box = read_toolbox(ResponsesFields({"tools": [TOOL | fields]}), stream)
    assert box.pictures is not None
    assert (box.tools, box.shown) == ([], [])  # shown once it is known that somebody draws
    return box.pictures


def refused(param: str, *tools: Any, stream: bool = True) -> SupernetError:
    with pytest.raises(SupernetError) as caught:
        read_toolbox(ResponsesFields({"tools": list(tools)}), stream)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.param == param
    return caught.value


def test_what_a_client_says_of_its_pictures() -> None:
    assert read() == read(size="auto", action="auto", background="opaque") == PictureWish(DRAWING)
    assert DRAWING < NAMES
    wish = read(size="1024x1536", output_format="webp", partial_images=2, model="draws", action="edit")
    assert wish == PictureWish(frozenset({"sogni_edit_image"}), "webp", 2, (1024, 1536), "draws")
    assert read(action="generate").tools == {"sogni_generate_image"}
    for name in EDIT_ACCEPTED:
        read_toolbox(ResponsesFields({"tools": [TOOL | {name: "high"}]}), stream=False)


@pytest.mark.parametrize("wish", [{}, {"size": "64x64", "output_format": "jpeg", "model": "draws", "action": "edit"}])
def test_it_is_repeated_as_the_official_type(wish: Any) -> None:
    shown = shown_tool(read(**wish))
    adapter: TypeAdapter[Any] = TypeAdapter(Tool)
    assert adapter.validate_python(shown).to_dict() == shown
    assert shown.items() >= wish.items()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"size": "10x10"}, "tools[0].size"),
        ({"size": "9999x64"}, "tools[0].size"),
        ({"size": "large"}, "tools[0].size"),
        ({"output_format": "gif"}, "tools[0].output_format"),
        ({"partial_images": 4}, "tools[0].partial_images"),
        ({"background": "transparent"}, "tools[0].background"),
        ({"output_compression": 50}, "tools[0].output_compression"),
        ({"action": "draw"}, "tools[0].action"),
        ({"model": 7}, "tools[0].model"),
        ({"odd": 1}, "tools[0].odd"),
        *(({name: {}}, f"tools[0].{name}") for name in PICTURES_REFUSED),
    ],
)
def test_what_cannot_be_done_is_named(fields: Any, param: str) -> None:
    refused(param, TOOL | fields)


def test_it_is_declared_once_and_shows_unfinished_pictures_in_a_stream_alone() -> None:
    refused("tools[1].type", TOOL, TOOL)
    assert read(stream=False, partial_images=3).previews == 0
