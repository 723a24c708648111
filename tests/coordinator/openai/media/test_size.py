"""`size`: what it says, and that saying nothing is no size."""

import pytest

from coordinator.openai.media.fields import GenerationFields
from coordinator.openai.media.size import default_size, read_size, size_text
from tests.coordinator.media_catalog import DRAWS
from wire.errors import SupernetError


def test_width_and_height() -> None:
    assert read_size(GenerationFields({"size": "128x64"}), DRAWS) == (128, 64)
    assert size_text(128, 64) == "128x64" and default_size(DRAWS) == "64x64"


@pytest.mark.parametrize("fields", [{}, {"size": None}, {"size": "auto"}])
def test_no_wish(fields: dict[str, str | None]) -> None:
    assert read_size(GenerationFields(fields), DRAWS) is None


@pytest.mark.parametrize("size", ["", "64", "64x", "x64", "-64x64", "64x64 ", "64×64", "1e2x64", "999999x64", "64x064"])
def test_what_is_no_size(size: str) -> None:
    with pytest.raises(SupernetError, match="'auto' or 'WIDTHxHEIGHT'"):
        read_size(GenerationFields({"size": size}), DRAWS)
