"""worker/weights/folders.py against a hub on the loopback interface, with the real huggingface_hub."""

import hashlib
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.huggingface_hub import COMMIT, LoopbackHub
from wire.media_catalog import MediaSpec
from worker.weights.download import HuggingFace, Progress, WeightsError
from worker.weights.folders import ensure_folder, present_folder

REPOSITORY = "someone/tiny-pipeline"
WEIGHTS = random.Random(1).randbytes(3 * 2**20)
FILES = {
    "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": WEIGHTS,
    "tokenizer/merges.txt": b"a b\n",
    "unet/diffusion_pytorch_model.bin": b"a pickle",
    "pipeline.py": b"raise SystemExit",
    "README.md": b"# words",
}
KEPT = {"model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "tokenizer/merges.txt"}


def spec(**changes: Any) -> MediaSpec:
    base = {"id": "tiny", "name": "Tiny", "tools": ["generate_image"], "pipeline": "StableDiffusionPipeline"}
    size = {"defaults": {"width": 64, "height": 64, "steps": 4}, "limits": {"pixels": 4096}}
    return MediaSpec.model_validate({**base, **size, "repository": REPOSITORY, "price": 1, "licence": "MIT", **changes})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with LoopbackHub({(REPOSITORY, name): content for name, content in FILES.items()}) as hub:
        yield hub


def fetch(hub: LoopbackHub, folder: Path, wanted: MediaSpec | None = None, report: Any = lambda _: None) -> Any:
    return ensure_folder(wanted or spec(), folder, report, HuggingFace(endpoint=hub.endpoint, pause_s=0.01))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_the_catalog_wants_arrives_under_its_names_and_nothing_else(hub: LoopbackHub, tmp_path: Path) -> None:
    told: list[Progress] = []
    made = fetch(hub, tmp_path, report=told.append)
    assert contents(made.path) == {name: FILES[name] for name in KEPT}
    assert (made.commit, made.size_bytes) == (COMMIT, sum(len(FILES[name]) for name in KEPT))
    assert any(one.phase == "downloading" and one.done_bytes == len(WEIGHTS) for one in told)
    assert not any(path.endswith((".bin", ".py", ".md")) for _, path, _ in hub.requests)


def test_the_second_time_asks_nobody(hub: LoopbackHub, tmp_path: Path) -> None:
    assert present_folder(spec(), tmp_path, lambda _: None) is None
    made = fetch(hub, tmp_path)
    asked = len(hub.requests)
    hub.down = True
    assert fetch(hub, tmp_path) == made == present_folder(spec(), tmp_path, lambda _: None)
    assert len(hub.requests) == asked


def test_a_break_is_gone_on_with_where_it_was(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.cut_after, hub.cuts = 2**20, len(KEPT)  # of the small ones nothing is cut
    assert contents(fetch(hub, tmp_path).path)["unet/diffusion_pytorch_model.safetensors"] == WEIGHTS
    assert any(span and span.startswith(f"bytes={2**20}-") for span in hub.downloads)


def test_a_damaged_file_is_fetched_again_and_a_spoilt_one_is_seen(hub: LoopbackHub, tmp_path: Path) -> None:
    made = fetch(hub, tmp_path)
    spoilt = made.path / "unet/diffusion_pytorch_model.safetensors"
    spoilt.write_bytes(WEIGHTS[:-1] + b"!")
    with pytest.raises(WeightsError) as caught:
        present_folder(spec(), tmp_path, lambda _: None)
    assert caught.value.code == "damaged_file"
    assert contents(fetch(hub, tmp_path).path)["unet/diffusion_pytorch_model.safetensors"] == WEIGHTS


def test_the_first_commit_is_kept_and_another_choice_of_files_is_another_folder(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    made = fetch(hub, tmp_path)
    hub.commit = "beef" + "0" * 36
    hub.files[(REPOSITORY, "unet/config.json")] = b'{"new": 1}'
    assert fetch(hub, tmp_path) == made
    fewer = fetch(hub, tmp_path, spec(allow=["*.json"]))
    assert fewer.path != made.path and fewer.commit == hub.commit
    assert set(contents(fewer.path)) == {"model_index.json", "unet/config.json"}


def lie(**changes: Any) -> Callable[[list[dict[str, Any]]], Any]:
    """A list whose entry for the weights says something else."""
    return lambda true: [{**one, **changes} if one["rfilename"].endswith(".safetensors") else one for one in true]


@pytest.mark.parametrize(
    ("listed", "code"),
    [
        (lie(rfilename="../../evil.safetensors"), "unverifiable_file"),
        (lie(rfilename="/etc/evil.safetensors"), "unverifiable_file"),
        (lie(rfilename=".ssh/evil.safetensors"), "unverifiable_file"),
        (lie(rfilename="a\\evil.safetensors"), "unverifiable_file"),
        (lie(lfs=None), "unverifiable_file"),
        (lie(lfs={"sha256": "0" * 64, "size": len(WEIGHTS), "pointerSize": 130}), "unverifiable_file"),
        (lambda true: [], "wrong_answer"),
        (lambda true: [{**one, "blobId": "0" * 40} for one in true], "damaged_file"),
    ],
)
def test_what_cannot_be_verified_is_not_given_out(
    hub: LoopbackHub, tmp_path: Path, listed: Callable[[list[dict[str, Any]]], Any], code: str
) -> None:
    hub.listed = listed
    with pytest.raises(WeightsError) as caught:
        fetch(hub, tmp_path / "models")
    assert caught.value.code == code
    assert not [path for path in tmp_path.rglob("*.safetensors")]


@pytest.mark.parametrize(("state", "code"), [("down", "hub_unreachable"), ("gated", "gated_repository")])
def test_a_hub_that_gives_nothing_is_told_as_for_any_model(
    hub: LoopbackHub, tmp_path: Path, state: str, code: str
) -> None:
    setattr(hub, state, True)
    with pytest.raises(WeightsError) as caught:
        fetch(hub, tmp_path)
    assert caught.value.code == code


def test_a_catalog_that_wants_what_is_not_there_is_told_so(hub: LoopbackHub, tmp_path: Path) -> None:
    with pytest.raises(WeightsError) as caught:
        fetch(hub, tmp_path, spec(allow=["no/such*.json"]))
    assert caught.value.code == "not_found" and "allow" in caught.value.remedy


def test_a_folder_in_a_package_is_used_where_it_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "site" / "shipped_weights" / "toy" / "unet"
    home.mkdir(parents=True)
    (home.parents[1] / "__init__.py").write_text("raise RuntimeError('never run')")
    (home / "model.safetensors").write_bytes(WEIGHTS)
    (home.parent / "README.md").write_text("words")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    toy = spec(repository=None, package="shipped_weights", folder="toy")
    made = ensure_folder(toy, tmp_path / "models", lambda _: None)
    line = f"unet/model.safetensors {hashlib.sha256(WEIGHTS).hexdigest()}\n"
    assert (made.path, made.sha256) == (home.parent, hashlib.sha256(line.encode()).hexdigest())
    with pytest.raises(WeightsError) as caught:
        ensure_folder(spec(repository=None, package="shipped_weights", folder="other"), tmp_path, lambda _: None)
    assert caught.value.code == "not_found"
