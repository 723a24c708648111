"""The field `size`: `auto`, or width and height with an x between."""

import re

from coordinator.media.shape import size_problem
from coordinator.openai.fields import Fields
from wire.errors import invalid
from wire.media_catalog import MediaSpec

SIZE = re.compile(r"(?:auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})")


def read_size(fields: Fields, spec: MediaSpec) -> tuple[int, int] | None:
    """Width and height in pixels; None without a wish. Raises invalid_request, with the nearest that is possible."""
    size = fields.matching("size", SIZE, f"'auto' or 'WIDTHxHEIGHT' in pixels, such as '{default_size(spec)}'")
    if size is None or size == "auto":
        return None
    width, height = map(int, size.split("x"))
    if problem := size_problem(spec, width, height):
        raise invalid("size", f"Invalid 'size': {problem}.")
    return width, height


def default_size(spec: MediaSpec) -> str:
    return size_text(spec.defaults.width, spec.defaults.height)


def size_text(width: int, height: int) -> str:
    return f"{width}x{height}"
