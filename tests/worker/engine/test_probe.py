import sys
from pathlib import Path

import pytest

from worker.engine import probe


def test_the_installed_library_says_what_it_can() -> None:
    build = probe.ask()
    assert build.problem == "" and "CPU" in build.system


def test_a_library_that_cannot_be_loaded_has_no_gpu_and_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "python").write_text("#!/bin/sh\necho broken driver\nexit 127\n")
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    build = probe.ask()
    assert not build.gpu and "scripts/setup" in build.problem


def test_the_cuda_of_the_build_is_read_off_its_libraries(tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.write_text("7f00-7f01 r-xp 00000000 08:01 42 /usr/local/cuda/lib64/libcublas.so.12.8.4.1\n")
    assert probe.cuda_of(maps) == 12
    maps.write_text("7f00-7f01 r-xp 00000000 08:01 42 /usr/lib/libc.so.6\n")
    assert probe.cuda_of(maps) == probe.cuda_of(tmp_path / "none") == 0
