"""What makes a release one: a number, the day it came, and packages by their hashes."""

from pathlib import Path

import pytest

from tools.release import __main__, build, manifest
from tools.release.build import ReleaseError


def source(folder: Path, version: str, heading: str) -> Path:
    (folder / "pyproject.toml").write_text(f'[project]\nname = "supernet"\nversion = "{version}"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changes\n\n## {heading}\n\n- One.\n\n## 0.0.1 (2026-01-01)\n")
    return folder


def test_the_version_is_that_of_the_project_and_of_the_changes(tmp_path: Path) -> None:
    assert build.version_of(source(tmp_path, "0.3.0", "0.3.0 (2026-12-01)")) == "0.3.0"


@pytest.mark.parametrize("heading", ["0.2.0 (2026-12-01)", "0.3.0 (not released yet)", "0.3.0", "Soon"])
def test_without_a_day_or_under_another_number_there_is_no_release(tmp_path: Path, heading: str) -> None:
    with pytest.raises(ReleaseError, match=r"CHANGELOG\.md"):
        build.version_of(source(tmp_path, "0.3.0", heading))


def test_a_pin_has_the_hash_of_each_of_its_wheels_and_one_for_other_systems_is_left_out(tmp_path: Path) -> None:
    for name in ("Some_Thing-1.0-cp311-x.whl", "some_thing-1.0-cp312-x.whl", "some_thing-1.1-py3-x.whl"):
        (tmp_path / name).write_text(name)
    line = build._hashed(tmp_path, "some-thing==1.0 ; sys_platform != 'win32'")
    assert line.startswith("some-thing==1.0 ; sys_platform != 'win32' --hash=sha256:") and line.count("--hash") == 2
    assert manifest.digest(tmp_path / "Some_Thing-1.0-cp311-x.whl") in line
    assert build._hashed(tmp_path, "colorama==0.4.6 ; sys_platform == 'win32'") == ""


def test_what_cannot_be_a_release_is_said_before_anything_is_compiled_or_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def asked(*options: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["release", "--ask", *options])
        return __main__.main(), capsys.readouterr().err

    monkeypatch.setattr(build, "ROOT", source(tmp_path, "0.3.0", "0.3.0 (not released yet)"))
    code, said = asked(str(tmp_path / "new"))
    assert code == 1 and "write the day there" in said
    assert asked(str(tmp_path / "new"), "--as", "0.3.1") == (0, f"release: 0.3.1 into {tmp_path / 'new'}\n")
    code, said = asked(str(tmp_path), "--as", "0.3.1")
    assert code == 1 and "give a new folder" in said and not (tmp_path / "new").exists()


def test_a_release_that_failed_leaves_no_folder_that_stands_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(folder: Path, version: str) -> None:
        (folder / "half").write_text("of it")
        raise ReleaseError("no network")

    monkeypatch.setattr(build, "_distribution", broken)
    with pytest.raises(ReleaseError, match="no network"):
        build.build(tmp_path / "new", {}, ["3.11"], as_version="0.3.1")
    assert not (tmp_path / "new").exists()
