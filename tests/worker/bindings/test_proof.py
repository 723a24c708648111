"""The proof of the installed build, and of builds with a planted fault: it must see what serving would die of."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worker.bindings.planted import ANY_ROW, CRASH, MANY_ROWS, NOTHING, planted
from worker.bindings import proof
from worker.bindings.proof import Proof


def test_the_installed_build_comes_to_the_right_numbers() -> None:
    assert proof.prove() == Proof("right")
    assert proof.prove(repacked=False) == Proof("right")


def test_code_that_dies_at_the_first_prompt_is_seen_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(tmp_path / "lib", MANY_ROWS, CRASH)))
    broken = proof.prove()
    assert broken.result == "wrong" and "SIGILL" in broken.fault
    assert proof.prove(repacked=False) == Proof("right")


def test_code_that_computes_nothing_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(tmp_path / "lib", MANY_ROWS, NOTHING)))
    assert proof.prove().result == "wrong"
    assert proof.prove(repacked=False) == Proof("right")


def test_a_fault_in_every_way_to_compute_is_seen_in_every_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(tmp_path / "lib", ANY_ROW, NOTHING)))
    assert {proof.prove().result, proof.prove(repacked=False).result} == {"wrong"}


def run(**env: str) -> "subprocess.CompletedProcess[str]":
    """As scripts/setup does."""
    command = [sys.executable, "-m", "worker.bindings.proof"]
    return subprocess.run(command, env=os.environ | env, capture_output=True, text=True, timeout=300)


def test_the_exit_status_tells_setup_what_to_do(tmp_path: Path) -> None:
    assert (run().returncode, run().stdout) == (proof.COMPUTES, "")
    dies = run(LLAMA_CPP_LIB_PATH=str(planted(tmp_path / "lib", ANY_ROW, CRASH)))
    assert dies.returncode == proof.WRONG and "SIGILL" in dies.stdout and dies.stdout.count("\n") == 1
    (tmp_path / "none").mkdir()
    missing = run(LLAMA_CPP_LIB_PATH=str(tmp_path / "none"))
    assert missing.returncode == proof.UNLOADABLE and "not found" in missing.stdout


def test_a_build_that_comes_to_no_end_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "TIMEOUT_S", 0.01)
    assert proof.prove() == Proof("untried", "it came to no end within 0 s")


def test_a_gpu_that_is_not_there_or_fails_is_wrong_and_one_that_is_full_was_not_tried() -> None:
    gone = proof.prove("CUDA7@0000:07:00.0")
    assert gone.result == "wrong" and "CUDA7" in gone.fault
    image = "CUDA error: device kernel image is invalid"
    assert proof._judge(-6, b"", image, "CUDA0").fault.endswith(image)
    assert proof._judge(proof.FAILED, b"", "cudaMalloc failed: out of memory", "CUDA0").result == "untried"
    assert proof._judge(proof.FAILED, b"", "out of memory", None).result == "wrong"
    killed = proof._judge(-9, b"", "", None)  # by the kernel, or by somebody: it says nothing of the build
    assert killed.result == "untried" and "SIGKILL" in killed.fault


def test_numbers_that_are_none_or_far_off_are_wrong() -> None:
    assert proof._judge(0, b"0.034\n", "", None) == Proof("right")
    assert proof._judge(0, b"nan\n", "", None).result == proof._judge(0, b"0.5\n", "", None).result == "wrong"


def test_the_line_that_says_why_is_found_among_those_that_say_where() -> None:
    said = "load: fine\nggml.c:12: GGML_ASSERT(x) failed\n[New LWP 7]\n#0 raise ()\n"
    assert proof._last_words(said) == "ggml.c:12: GGML_ASSERT(x) failed"
    assert proof._last_words("one\ntwo\n\n") == "two" and proof._last_words("") == ""
