"""What is answered: of the official types, with the files in their places."""

import json
from base64 import b64encode
from typing import Any

import pytest
from openai.types import ImageEditCompletedEvent, ImageGenCompletedEvent, ImageGenPartialImageEvent, ImagesResponse

from coordinator.artefact import Artefact
from coordinator.filled import Filled
from coordinator.openai.media.answers import ImageAnswer
from coordinator.openai.media.images_request import Drawing, parse_edit, parse_generation
from tests.coordinator.media_catalog import CATALOG, READY, png, uri
from wire.errors import ErrorCode, SupernetError

COST = {"cost_nano_usd": 3}
FILE = png()


def drawing(**fields: Any) -> Drawing:
    body = {"prompt": "x", "stream": True, "partial_images": 2, **fields}
    return parse_generation(READY, json.dumps(body).encode(), CATALOG, {})


def answer(of: Drawing) -> ImageAnswer:
    return ImageAnswer(of, 1_700_000_000, lambda artefact: f"https://a/m/{artefact.id}.png")


def artefact(number: int = 0) -> Artefact:
    return Artefact(f"{number:022}", "ab" * 32, "image/png", len(FILE), 1, 2, width=64, height=32)


def sent(filled: Filled) -> bytes:
    pieces = (piece if isinstance(piece, bytes) else b64encode(FILE) for piece in filled.pieces())
    whole = b"".join(pieces)
    assert len(whole) == filled.size_bytes
    return whole


def event(data: bytes) -> tuple[str, dict[str, Any]]:
    name, told, *rest = data.decode().split("\n")
    assert rest == ["", ""]
    return name.removeprefix("event: "), json.loads(told.removeprefix("data: "))


def test_the_body_has_the_files_in_their_order() -> None:
    body = json.loads(sent(answer(drawing()).whole([artefact(1), artefact(2)], [], COST)))
    parsed = ImagesResponse.model_validate(body, strict=True)
    assert parsed.data is not None and [one.b64_json for one in parsed.data] == [b64encode(FILE).decode()] * 2
    assert (parsed.created, parsed.size, parsed.output_format, parsed.background) == (
        1_700_000_000,
        "64x32",
        "png",
        "opaque",
    )
    assert body["model"] == "draws" and body["usage"]["cost_nano_usd"] == 3 and "warnings" not in body


def test_links_in_place_of_files() -> None:
    filled = answer(drawing(response_format="url")).whole([artefact(1)], [], COST)
    assert filled.files == () and json.loads(filled.body)["data"] == [{"url": f"https://a/m/{1:022}.png"}]
    name, told = event(answer(drawing(response_format="url")).completed(artefact(1), COST).body)
    assert name == "image_generation.completed" and told["url"] and "b64_json" not in told


def test_what_could_not_be_made_is_said_beside_what_was() -> None:
    failed = SupernetError(ErrorCode.WORKER_LOST, "its worker left")
    body = json.loads(sent(answer(drawing(n=3)).whole([artefact()], [failed, failed], COST)))
    assert len(body["data"]) == 1 and body["warnings"] == ["2 of 3 could not be made: its worker left"]


def test_the_events_of_a_picture() -> None:
    telling = answer(drawing())
    preview = b64encode(FILE).decode()
    events = [event(telling.partial(0, preview, 64, 32)) for _ in range(2)]
    assert telling.partial(0, preview, 64, 32) == b"", "two were asked for"
    assert event(telling.partial(1, preview, 64, 32))[1]["partial_image_index"] == 0
    for place, (name, told) in enumerate(events):
        assert name == told["type"] == "image_generation.partial_image"
        assert ImageGenPartialImageEvent.model_validate(told, strict=True).partial_image_index == place
    name, told = event(sent(telling.completed(artefact(), COST)))
    assert ImageGenCompletedEvent.model_validate(told, strict=True).b64_json == b64encode(FILE).decode()
    assert name == "image_generation.completed" and told["usage"]["cost_nano_usd"] == 3


def test_an_edit_has_events_of_its_own() -> None:
    body = json.dumps({"prompt": "x", "stream": True, "image": uri(FILE)}).encode()
    name, told = event(sent(answer(parse_edit(READY, body, CATALOG, {})).completed(artefact(), COST)))
    assert name == "image_edit.completed" and ImageEditCompletedEvent.model_validate(told, strict=True)


@pytest.mark.parametrize("preview", ["", "A", "PGh0bWw+", b64encode(b"%PDF-1.7").decode(), "=" * 16])
def test_a_preview_that_is_no_picture_is_not_passed_on(preview: str) -> None:
    assert answer(drawing()).partial(0, preview, 64, 64) == b""


def test_an_error_is_an_event_with_its_name() -> None:
    name, told = event(answer(drawing()).failed(SupernetError(ErrorCode.NO_WORKER, "none", retry_after_s=3)))
    assert (
        name == "error" == told["type"] and told["error"]["code"] == "no_worker" and told["error"]["retry_after"] == 3
    )
