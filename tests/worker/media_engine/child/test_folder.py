"""A folder of weights is only weights, or it is not loaded."""

import json
from pathlib import Path

import pytest

from worker.media_engine.child.folder import HostileFolderError, parts

INDEX = {
    "_class_name": "StableDiffusionPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "safety_checker": [None, None],
    "requires_safety_checker": False,
    "boundary_ratio": 0.9,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "weights"
    (place / "unet").mkdir(parents=True)
    (place / "model_index.json").write_text(json.dumps(INDEX))
    (place / "unet" / "config.json").write_text("{}")
    (place / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(b"x")
    return place


def test_the_parts_of_a_plain_folder(folder: Path) -> None:
    assert parts(folder) == {"unet": ("diffusers", "UNet2DConditionModel")}


@pytest.mark.parametrize(
    "name", ["unet/diffusion_pytorch_model.bin", "model.ckpt", "x.pt", "pipeline.py", "unet/a.pkl", "noend", ".sh"]
)
def test_what_can_run_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"x")
    with pytest.raises(HostileFolderError, match="never loaded"):
        parts(folder)


def test_a_link_out_of_the_folder_is_refused(folder: Path) -> None:
    (folder.parent / "secret.json").write_text("{}")
    (folder / "unet" / "more.json").symlink_to(folder.parent / "secret.json")
    with pytest.raises(HostileFolderError, match="leads out"):
        parts(folder)


@pytest.mark.parametrize("key", ["auto_map", "custom_pipelines"])
def test_a_description_that_asks_for_code_is_refused(folder: Path, key: str) -> None:
    (folder / "unet" / "config.json").write_text(json.dumps({key: {"AutoModel": "evil.Model"}}))
    with pytest.raises(HostileFolderError, match="code of its own"):
        parts(folder)


@pytest.mark.parametrize(
    "value", [["os", "system()"], ["../x", "Y"], ["a.b", "C"], ["diffusers"], ["diffusers", 7], ["x", "Y", "Z"]]
)
def test_an_index_of_no_plain_classes_is_refused(folder: Path, value: object) -> None:
    (folder / "model_index.json").write_text(json.dumps(INDEX | {"vae": value}))
    with pytest.raises(HostileFolderError, match="no plain class"):
        parts(folder)


@pytest.mark.parametrize("text", ["", "[", "[]", "{}", "[" * 100_000])
def test_an_index_that_says_nothing_is_refused(folder: Path, text: str) -> None:
    (folder / "model_index.json").write_text(text)
    with pytest.raises(HostileFolderError):
        parts(folder)
