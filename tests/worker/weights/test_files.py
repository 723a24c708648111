"""worker/weights/files.py: the owner's own files and the package's."""

import hashlib
import os
from pathlib import Path

import pytest

from wire.catalog_text import parse
from worker.weights.files import Progress, WeightsError, local, shipped

CONTENT = b"GGUF" + bytes(100_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def test_a_file_of_the_owner_is_hashed_once(tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(CONTENT)
    seen: list[Progress] = []
    assert local(path, tmp_path / "cache", seen.append).sha256 == (SHA256,)
    assert seen
    seen.clear()
    assert local(path, tmp_path / "cache", seen.append).path == path
    assert seen == []


@pytest.mark.parametrize(
    ("name", "content", "code", "blamed"),
    [
        ("absent.gguf", None, "not_found", "absent.gguf"),
        ("text.gguf", b"hello", "damaged_file", "text.gguf"),
        ("m-00002-of-00002.gguf", CONTENT, "not_found", "m-00002-of-00002.gguf"),
        ("m-00001-of-00002.gguf", CONTENT, "not_found", "m-00002-of-00002.gguf"),
    ],
    ids=["absent", "text", "second part", "first part alone"],
)
def test_a_file_of_the_owner_that_cannot_be_used_is_told(
    tmp_path: Path, name: str, content: bytes | None, code: str, blamed: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(WeightsError) as caught:
        local(tmp_path / name, tmp_path / "cache", lambda _: None)
    assert caught.value.code == code and blamed in caught.value.message


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "circle.gguf").symlink_to(tmp_path / "circle.gguf")
    for name in ("pipe.gguf", "circle.gguf", ""):
        with pytest.raises(WeightsError) as caught:
            local(tmp_path / name, tmp_path / "cache", lambda _: None)
        assert caught.value.code == "not_found" and name in caught.value.message
    with pytest.raises(WeightsError, match="no-such-user"):
        local(Path("~no-such-user/m.gguf"), tmp_path / "cache", lambda _: None)


def test_the_demo_model_comes_from_its_package_and_is_checked(tmp_path: Path) -> None:
    catalog = parse((Path(__file__).parents[3] / "models.yaml").read_text(), "models.yaml")
    spec = catalog.get("smollm2-135m-instruct-gguf-q41")
    weights = shipped(spec, tmp_path, lambda _: None)
    assert weights.path.stat().st_size == spec.files[0].size_bytes
    assert weights.sha256 == (spec.files[0].sha256,)
    wrong = spec.model_copy(update={"files": (spec.files[0].model_copy(update={"sha256": "0" * 64}),)})
    with pytest.raises(WeightsError, match="not the file that the catalog means"):
        shipped(wrong, tmp_path, lambda _: None)
    with pytest.raises(WeightsError, match="not here"):
        shipped(spec.model_copy(update={"package": "no_such_weights"}), tmp_path, lambda _: None)


def test_all_parts_of_a_split_file_are_found_by_name(tmp_path: Path) -> None:
    paths = [tmp_path / f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3)]
    for path in paths:
        path.write_bytes(CONTENT)
    weights = local(paths[0], tmp_path / "cache", lambda _: None)
    assert list(weights.parts) == paths and weights.path == paths[0] and weights.sha256 == (SHA256,) * 3
