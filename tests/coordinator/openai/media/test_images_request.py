"""Bodies of /v1/images: what is asked for is drawn, or refused by the name of its field with what to do."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from coordinator.media.ready import Ready
from coordinator.openai.media.images_request import Drawing, parse_edit, parse_generation
from tests.coordinator.media_catalog import CATALOG, DRAWS, EDITS, READY, png, uri
from wire.errors import ErrorCode, SupernetError
from wire.media import EditImage, GenerateImage

FORM = "multipart/form-data; boundary=b"


def generation(body: Any = None, /, headers: Mapping[str, str] | None = None, **fields: Any) -> Drawing:
    asked = {"prompt": "a red fox", **fields} if body is None else body
    return parse_generation(READY, json.dumps(asked).encode(), CATALOG, headers or {})


def edit(**fields: Any) -> Drawing:
    body = {"prompt": "make it blue", "image": uri(png()), **fields}
    body = {name: value for name, value in body.items() if value is not None}
    return parse_edit(READY, json.dumps(body).encode(), CATALOG, {"content-type": "application/json"})


def form(*parts: tuple[str, str | bytes]) -> bytes:
    """A part whose value is bytes is a file."""
    body = b""
    for name, value in parts:
        file = b'; filename="x.png"' if isinstance(value, bytes) else b""
        data = value if isinstance(value, bytes) else value.encode()
        body += b'--b\r\nContent-Disposition: form-data; name="' + name.encode() + b'"' + file + b"\r\n\r\n"
        body += data + b"\r\n"
    return body + b"--b--\r\n"


def form_edit(*parts: tuple[str, str | bytes]) -> Drawing:
    return parse_edit(READY, form(*parts), CATALOG, {"content-type": FORM})


def error(of: Any, *args: Any, **fields: Any) -> SupernetError:
    with pytest.raises(SupernetError) as raised:
        of(*args, **fields)
    return raised.value


def test_a_prompt_alone_is_drawn_as_the_first_pipeline_that_is_ready_draws() -> None:
    drawing = generation()
    assert (drawing.model, drawing.n, drawing.seed, drawing.stream, drawing.as_url) == (DRAWS, 1, None, False, False)
    assert drawing.size is not None
    assert drawing.make(drawing.size) == GenerateImage(prompt="a red fox", width=64, height=64, steps=8)


def test_everything_that_can_be_said() -> None:
    drawing = generation(
        model="edits",
        n=3,
        size="128x256",
        seed=7,
        steps=9,
        negative_prompt="blur",
        output_format="webp",
        response_format="url",
        stream=True,
        partial_images=2,
        user="u",
        token_type="sogni",
    )
    assert (drawing.model, drawing.n, drawing.seed, drawing.as_url, drawing.token_type) == (EDITS, 3, 7, True, "sogni")
    assert drawing.make((128, 256)) == GenerateImage(
        prompt="a red fox", negative_prompt="blur", width=128, height=256, steps=9, format="webp", previews=2
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"quality": "hd", "style": "vivid", "moderation": "low", "background": "auto", "output_compression": 100},
        {"size": "auto", "quality": "auto", "background": "opaque", "user": "u", "safety_identifier": "u"},
        {"n": None, "size": None, "model": None, "partial_images": 0, "stream": False, "style": None},
        {"negativePrompt": "", "responseFormat": "b64_json", "outputFormat": "png"},
        {"seed": -1},
    ],
)
def test_what_changes_nothing_is_taken(fields: dict[str, Any]) -> None:
    assert generation(**fields) == generation()


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"prompt": ""}, "prompt", "1 to 32000 characters"),
        ({"prompt": "x" * 32_001}, "prompt", "got 32001"),
        ({"prompt": ["a"]}, "prompt", "expected a string, got an array"),
        ({"prompt": None}, "prompt", "Missing required"),
        ({"n": 0}, "n", "between 1 and 10"),
        ({"n": 11}, "n", "between 1 and 10"),
        ({"n": "2"}, "n", "expected an integer, got a string"),
        ({"size": "1024x1024"}, "size", "at most 16,384 pixels, and this is 1,048,576. Nearest: 128x128"),
        ({"size": "100x64"}, "size", "a multiple of 16"),
        ({"size": "0x64"}, "size", "'WIDTHxHEIGHT'"),
        ({"size": "64X64"}, "size", "such as '64x64'"),
        ({"size": "64x64x64"}, "size", "'WIDTHxHEIGHT'"),
        ({"size": 64}, "size", "expected a string"),
        ({"steps": 21}, "steps", "between 1 and 20"),
        ({"steps": 0}, "steps", "between 1 and 20"),
        ({"seed": 2**63}, "seed", "integer"),
        ({"partial_images": 1}, "partial_images", "needs 'stream'"),
        ({"partial_images": 4, "stream": True}, "partial_images", "between 0 and 3"),
        ({"output_format": "gif"}, "output_format", "'png', 'jpeg', 'webp'"),
        ({"response_format": "base64"}, "response_format", "'url', 'b64_json'"),
        ({"background": "transparent"}, "background", "no pipeline here draws transparent"),
        ({"output_compression": 50}, "output_compression", "not compressed further"),
        ({"svg": {"model": "x"}}, "svg", "made of pixels"),
        ({"frame_count": 4}, "frame_count", "do not move"),
        ({"image": uri(png())}, "image", "/v1/images/edits"),
        ({"width": 64}, "width", "use 'size'"),
        ({"num_inference_steps": 4}, "num_inference_steps", "use 'steps'"),
        ({"colour": "red"}, "colour", "Unknown parameter"),
        ({"negative_prompt": "x" * 32_001}, "negative_prompt", "at most"),
        ({"stream": "yes"}, "stream", "a boolean"),
        ({"model": "films"}, "model", "is for generate_video. Models for this: draws, edits."),
        ({"model": "tiny"}, "model", "writes text. Models for this: draws, edits."),
        ({"token_type": "euro"}, "token_type", "supported values"),
        ({"user": 7}, "user", "a string"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(fields: dict[str, Any], param: str, words: str) -> None:
    refused = error(generation, **fields)
    assert (refused.code, refused.param) == (ErrorCode.INVALID_REQUEST, param)
    assert words.replace("at most", "") in refused.message.replace("at most", "")


def test_an_unknown_model_is_answered_with_those_that_there_are() -> None:
    refused = error(generation, model="dall-e-3")
    assert refused.code is ErrorCode.MODEL_NOT_FOUND and "draws, edits, films" in refused.message


def test_without_a_ready_worker_the_answer_says_what_to_start() -> None:
    with pytest.raises(SupernetError) as raised:
        parse_generation(Ready(), b'{"prompt": "x"}', CATALOG, {})
    assert raised.value.code is ErrorCode.NO_WORKER and raised.value.retry_after_s
    assert "supernet-worker --media draws" in raised.value.message
    nothing = CATALOG.model_copy(update={"media": ()})
    with pytest.raises(SupernetError, match="Nothing in this network's catalog serves generate_image"):
        parse_generation(Ready(), b'{"prompt": "x"}', nothing, {})


def test_a_pipeline_that_is_named_need_not_be_ready_yet() -> None:
    assert parse_generation(Ready(), b'{"prompt": "x", "model": "draws"}', CATALOG, {}).model == DRAWS


def test_a_body_that_is_no_object_is_refused() -> None:
    assert error(generation, [1]).code is ErrorCode.INVALID_REQUEST


# ---- edits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"image": [uri(png())]},
        {"image": None, "images": [{"image_url": uri(png())}]},
        {"input_fidelity": "high", "quality": "low"},
    ],
)
def test_a_picture_to_edit_in_json(fields: dict[str, Any]) -> None:
    drawing = edit(**fields)
    (source,) = drawing.sources
    assert (drawing.model, drawing.size, source.file, source.media_type) == (EDITS, None, png(), "image/png")
    made = drawing.make((64, 32), ("a" * 64,))
    assert isinstance(made, EditImage) and (made.images, made.width, made.height) == (("a" * 64,), 64, 32)


def test_a_link_of_ours_is_left_for_the_store_to_find() -> None:
    (source,) = edit(image="https://here.example/m/AAAAAAAAAAAAAAAAAAAAAA.png").sources
    assert source.link == "https://here.example/m/AAAAAAAAAAAAAAAAAAAAAA.png" and not source.file


@pytest.mark.parametrize(
    ("fields", "param", "words"),
    [
        ({"image": None}, "image", "1 to 3 pictures to edit"),
        ({"image": []}, "image", "1 to 3 pictures"),
        ({"image": [uri(png())] * 4}, "image", "4 pictures, 'edits' takes at most 3"),
        ({"image": [uri(png())] * 7}, "image", "at most 6"),
        ({"image": 7}, "image", "expected a string, got an integer"),
        ({"image": ""}, "image", "expected a data URI"),
        ({"image": "x" * 513}, "image", "expected a data URI"),
        ({"image": ["data:image/png;base64,AAAA"]}, "image[0]", "not those of a picture"),
        ({"image": "data:image/png;base64,!!!!"}, "image", "base64"),
        ({"image": "data:text/html;base64,PGh0bWw+"}, "image", "media type"),
        ({"image": uri(b"GIF89a" + bytes(20)).replace("png", "gif")}, "image", "expected a PNG, JPEG or WebP"),
        ({"image": None, "images": [{"file_id": "file-1"}]}, "images[0].file_id", "POST /v1/media"),
        ({"image": None, "images": ["x"]}, "images[0]", "expected an object"),
        ({"image": None, "images": [{}]}, "images[0].image_url", "expected a string, got null"),
        ({"mask": uri(png())}, "mask", "no pipeline here takes one"),
        ({"style": "vivid"}, "style", "say in the prompt"),
        ({"model": "draws"}, "model", "Models for this: edits."),
        ({"size": "512x512"}, "size", "Nearest: 256x256"),
    ],
)
def test_what_cannot_be_edited_is_refused_by_name(fields: dict[str, Any], param: str, words: str) -> None:
    refused = error(edit, **fields)
    assert (refused.code, refused.param) == (ErrorCode.INVALID_REQUEST, param)
    assert words in refused.message


@pytest.mark.parametrize("name", ["image", "image[]", "image[0]"])
def test_a_form_says_the_same_as_json(name: str) -> None:
    drawing = form_edit((name, png()), ("prompt", "make it blue"), ("n", "2"), ("stream", "true"), ("seed", "-1"))
    assert (drawing.n, drawing.stream, drawing.seed, drawing.sources[0].file) == (2, True, None, png())


def test_the_files_of_a_form_come_in_their_order() -> None:
    one, two = png(color=1), png(color=2)
    drawing = form_edit(("image[]", one), ("prompt", "both"), ("image[]", two))
    assert [source.file for source in drawing.sources] == [one, two]


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([("image", png()), ("prompt", "x"), ("mask", png())], "mask"),
        ([("image", png()), ("prompt", "x"), ("sound", png())], "sound"),
        ([("image", b"<html>"), ("prompt", "x")], "image"),
        ([("image", png()), ("image", b"\x89PNG"), ("prompt", "x")], "image[1]"),
        ([("image", png())], "prompt"),
        ([("image", png()), ("prompt", "x"), ("n", "two")], "n"),
        ([("image", png()), ("prompt", "x"), ("stream", "yes")], "stream"),
        ([("image", png()), ("prompt", "x"), ("prompt", "y")], "prompt"),
    ],
)
def test_a_form_that_cannot_be_done_is_refused_by_name(parts: list[tuple[str, str | bytes]], param: str) -> None:
    assert error(form_edit, *parts).param == param


def test_a_picture_of_more_than_20_mib_is_refused_with_the_limit() -> None:
    large = png() + bytes(20 * 2**20)
    assert "at most 20 MiB" in error(form_edit, ("image", large), ("prompt", "x")).message
    assert "at most 20 MiB" in error(edit, image=uri(large)).message
