import os
import sys
from pathlib import Path

import psutil
import pytest

from worker.bindings import probe


def test_the_installed_library_says_what_it_can_and_what_it_finds() -> None:
    build = probe.ask()
    assert build.problem == "" and "CPU" in build.system
    cpu = next(device for device in build.devices if device.kind == "cpu")
    assert cpu.name == "CPU" and 0 < cpu.total_bytes <= psutil.virtual_memory().total


def stand_in(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    (folder / "python").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "python").chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (
            "echo 'OSError: libcudart.so.12: cannot open shared object file' >&2; exit 1",
            ["status 1", "libcudart.so.12"],
        ),
        ("echo broken driver; exit 127", ["status 127"]),
        ("echo NVRM: Xid 79 >&2; kill -SEGV $$", ["SIGSEGV", "Xid 79"]),
        ("echo '{}'", ["cannot be loaded"]),
    ],
)
def test_a_library_that_cannot_be_loaded_is_a_problem_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, words: list[str]
) -> None:
    stand_in(monkeypatch, tmp_path, script)
    build = probe.ask()
    assert build.devices == () and all(word in build.problem for word in words)


def test_a_driver_that_hangs_is_left_and_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, "exec sleep 60")
    monkeypatch.setattr(probe, "TIMEOUT_S", 0.1)
    assert "did not start" in probe.ask().problem


def test_a_probe_ends_with_the_wait_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ctrl-C reaches whoever waits alone: the process is in a group of its own."""
    stand_in(monkeypatch, tmp_path, f"ps -o pgid= -p $$ >{tmp_path}/group; kill -INT {os.getpid()}; exec sleep 60")
    with pytest.raises(KeyboardInterrupt):
        probe.ask()
    assert int((tmp_path / "group").read_text()) != os.getpgid(0)
    assert not psutil.Process().children()


def test_a_machine_that_starts_no_process_is_a_problem_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert "cannot be tried" in probe.ask().problem


def test_what_a_driver_complains_of_is_kept_beside_what_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = "ggml_cuda_init: failed to initialize CUDA: unknown error"
    stand_in(
        monkeypatch, tmp_path, f"""echo "{said}" >&2; echo '{{"system": "x", "devices": [], "backends": ["cuda"]}}'"""
    )
    build = probe.ask()
    assert (build.said, build.backends, build.problem) == (said, ("cuda",), "")


def test_the_probe_numbers_cards_as_an_engine_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stand_in(monkeypatch, tmp_path, """echo "order $CUDA_DEVICE_ORDER, secret $HF_TOKEN" >&2; exit 1""")
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert probe.ask().said == "order PCI_BUS_ID, secret"


def test_the_backends_of_a_build_are_read_off_its_libraries(tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    lines = ["/x/libggml-cuda.so", "/x/libggml-cuda.so", "/x/libggml-base.so.0", "/x/libggml-cpu.so", "/l/libc.so.6"]
    lines += ["/usr/local/cuda/lib64/libcublas.so.12.8.4.1"]
    maps.write_text("".join(f"7f00-7f01 r-xp 00000000 08:01 42 {line}\n" for line in lines))
    assert probe.libraries(maps) == {"cuda": 12, "backends": ["cuda"]}
    maps.write_text("7f00-7f01 r-xp 00000000 08:01 42 /usr/lib/libc.so.6\n")
    assert probe.libraries(maps) == probe.libraries(tmp_path / "none") == {"cuda": 0, "backends": []}
