"""A release as a coordinator reads it: what is not whole, or leads elsewhere, is refused at the start."""

import json
from pathlib import Path

import pytest

from coordinator.downloads import read_downloads
from program.settings import ConfigError
from tests.coordinator.a_release import release


def test_every_file_is_known_by_its_name_with_its_hash(tmp_path: Path) -> None:
    found = read_downloads(release(tmp_path))
    assert found.version == "0.2.0" and set(found.engines) == {"cpu", "vulkan"}
    assert {"manifest.json", "install.sh", "requirements.txt"} <= set(found.files)
    assert all(len(file.sha256) == 64 and file.path.is_file() for file in found.files.values())


def test_an_index_has_every_package_and_of_llama_cpp_that_of_its_engine(tmp_path: Path) -> None:
    packages = read_downloads(release(tmp_path)).packages("vulkan")
    assert {file.project for file in packages} == {"supernet", "typing-extensions", "pip", "llama-cpp-python"}
    assert [file.name for file in packages if file.project == "llama-cpp-python"] == [
        "engines/vulkan/llama_cpp_python-0.3.36-py3-none-any.whl"
    ]


def refused(folder: Path, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        read_downloads(folder)


def test_a_folder_without_a_manifest_or_with_half_of_it_is_refused(tmp_path: Path) -> None:
    refused(tmp_path, "no folder that scripts/release made")
    manifest = release(tmp_path) / "manifest.json"
    whole = manifest.read_text()
    for broken in ("", "[]", whole[: len(whole) // 2], "null", '{"version": "1", "engines": {}, "files": [{}]}'):
        manifest.write_text(broken)
        refused(tmp_path, "no folder that scripts/release made")


def test_a_file_that_is_gone_or_was_changed_is_refused(tmp_path: Path) -> None:
    (release(tmp_path) / "requirements.txt").write_text("another length than before")
    refused(tmp_path, "another size")
    (tmp_path / "requirements.txt").unlink()
    refused(tmp_path, "requirements.txt")


def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    folder = release(tmp_path / "release")
    (tmp_path / "secret").write_text("x")
    told = json.loads((folder / "manifest.json").read_text())
    told["files"].append({"name": "../secret", "size": 1, "sha256": ""})
    (folder / "manifest.json").write_text(json.dumps(told))
    refused(folder, "leads out")
    (folder / "link").symlink_to(tmp_path / "secret")
    told["files"][-1]["name"] = "link"
    (folder / "manifest.json").write_text(json.dumps(told))
    refused(folder, "leads out")
