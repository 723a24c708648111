"""The tool `image_generation`: what a request says of the pictures that its model draws with our own tools.

Where no worker draws, it is left out as any other tool of OpenAI's, and the answer says so: clients declare it unasked.
"""

from typing import cast

from coordinator.openai.chat_request import MAX_MODEL_CHARS
from coordinator.openai.json_body import Json
from coordinator.openai.media.images_request import FORMATS, MAX_PREVIEWS
from coordinator.openai.media.size import SIZE
from coordinator.openai.responses.fields import PICTURES_REFUSED, ResponsesFields
from coordinator.request import PictureWish
from wire.errors import invalid
from wire.media import ImageFormat

NAME = "image_generation"
ACTIONS = {"generate": ("sogni_generate_image",), "edit": ("sogni_edit_image",)}
DRAWING = frozenset(tool for tools in ACTIONS.values() for tool in tools)
LEAST_SIDE, MOST_SIDE = 16, 4096  # pixels


def read_image_generation(fields: ResponsesFields, stream: bool) -> PictureWish:
    """Read the declared tool, whose type has been taken. Raises SupernetError."""
    action = fields.choice("action", ("auto", *ACTIONS)) or "auto"
    fields.refuse(PICTURES_REFUSED)
    fields.limit("background", "output_compression")
    fields.accept("quality", "moderation", "complexity", "input_fidelity")
    previews = fields.integer("partial_images", 0, MAX_PREVIEWS) or 0
    wish = PictureWish(
        tools=frozenset(ACTIONS.get(action, DRAWING)),
        format=cast(ImageFormat, fields.choice("output_format", FORMATS) or "png"),
        previews=previews if stream else 0,  # clients declare the same tool for either: whole, there is nobody to see
        size=_size(fields),
        model=fields.text("model", high=MAX_MODEL_CHARS) or "",
    )
    fields.finish()
    return wish


def _size(fields: ResponsesFields) -> tuple[int, int] | None:
    """Width and height in pixels; None without a wish. The pipeline that draws makes the nearest that it can."""
    size = fields.matching("size", SIZE, "'auto' or 'WIDTHxHEIGHT' in pixels, such as '1024x1024'")
    if size is None or size == "auto":
        return None
    width, height = map(int, size.split("x"))
    if not (LEAST_SIDE <= width <= MOST_SIDE and LEAST_SIDE <= height <= MOST_SIDE):
        path = fields.at("size")
        raise invalid(path, f"Invalid '{path}': each side has {LEAST_SIDE} to {MOST_SIDE} pixels.")
    return width, height


def shown_tool(wish: PictureWish) -> Json:
    """The tool as the Response object repeats it, resolved."""
    shown: Json = {
        "type": NAME,
        "action": next((action for action, tools in ACTIONS.items() if wish.tools == frozenset(tools)), "auto"),
        "background": "opaque",
        "output_compression": 100,
        "output_format": wish.format,
        "partial_images": wish.previews,
        "quality": "auto",
        "size": "auto" if wish.size is None else "{}x{}".format(*wish.size),
    }
    return shown | {"model": wish.model} if wish.model else shown
