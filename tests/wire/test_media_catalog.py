"""Entries under `media:` of models.yaml: one that is whole, and what is refused."""

from typing import Any

import pytest
from pydantic import ValidationError

from wire.catalog import Catalog
from wire.errors import ErrorCode, SupernetError
from wire.media_catalog import MediaSpec

ENTRY: dict[str, Any] = {
    "id": "z_image",
    "name": "Z",
    "tools": ["generate_image"],
    "pipeline": "ZImagePipeline",
    "repository": "someone/Z",
    "defaults": {"width": 1024, "height": 1024, "steps": 8},
    "limits": {"pixels": 2048 * 2048},
    "price": 5_000_000,
    "licence": "Apache-2.0",
}
MODEL: dict[str, Any] = {
    "id": "tiny",
    "name": "M",
    "format": "qwen-json",
    "repository": "someone/M",
    "files": [{"name": "m.gguf"}],
    "context": 4096,
    "max_output": 2048,
    "price": {"prompt": 1, "completion": 1},
    "licence": "Apache-2.0",
}
FILM = {"width": 832, "height": 480, "steps": 8, "fps": 16}
LIMITS = {"pixels": 2048 * 2048, "frames": 8}


def test_an_entry_is_found_by_its_id_and_others_are_named() -> None:
    spec = MediaSpec.model_validate(ENTRY)
    catalog = Catalog.model_construct(default="m", models=(), media=(spec,))
    assert catalog.get_media("z_image") is spec
    with pytest.raises(SupernetError, match="z_image") as caught:
        catalog.get_media("other")
    assert caught.value.code is ErrorCode.MODEL_NOT_FOUND


def test_a_name_of_the_other_kind_is_told_as_such() -> None:
    catalog = Catalog.model_validate({"default": "tiny", "models": [MODEL], "media": [ENTRY]})
    with pytest.raises(SupernetError, match="'z_image' is a media model and does not chat"):
        catalog.get("z_image")
    with pytest.raises(SupernetError, match="'tiny' is a model for chats"):
        catalog.get_media("tiny")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"repository": None}, "either a repository or a package"),
        ({"package": "supernet", "folder": "toy"}, "either a repository or a package"),
        ({"folder": "toy"}, "name of its folder"),
        ({"repository": None, "package": "supernet"}, "name of its folder"),
        ({"repository": None, "package": "supernet", "folder": "../toy"}, "pattern"),
        ({"pipeline": "DiffusionPipeline"}, "pipeline"),
        ({"allow": ["*.bin"]}, "pattern"),
        ({"allow": ["*.py"]}, "pattern"),
        ({"limits": {"pixels": 512 * 512}}, "larger than the limit"),
        ({"defaults": {"width": 64, "height": 64, "steps": 60}}, "more than their limit"),
        ({"tools": []}, "tools"),
        ({"price": -1}, "price"),
        ({"price": 2**63}, "price"),
        ({"defaults": {"steps": 8}}, "need a width and a height"),
        ({"limits": {"pixels": 2048 * 2048, "multiple_of": 48}}, "no multiple of 48"),
        ({"tools": ["generate_video"]}, "need its fps"),
        ({"tools": ["sound_to_video"], "defaults": FILM}, "need its frames"),
        ({"tools": ["video_to_video"], "defaults": FILM, "limits": LIMITS | {"frames_step": 8}}, "need its frames"),
        ({"tools": ["generate_music"]}, "need its seconds"),
        ({"prize": 3}, "prize"),
    ],
)
def test_what_is_wrong_is_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        MediaSpec.model_validate(ENTRY | changes)


def test_a_name_is_a_models_or_a_pipelines() -> None:
    with pytest.raises(ValidationError, match="z_image stands under models and under media"):
        Catalog.model_validate({"default": "z_image", "models": [MODEL | {"id": "z_image"}], "media": [ENTRY]})
