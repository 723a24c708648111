"""The preparer's child by itself, spoken to as the daemon does."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from worker.preparer.child import Verdict, bounded, checked, verdict
from worker.preparer.pipe import FROM_PREPARER, TO_PREPARER, Check, Checked, Opened, PreparerSpec, Refused
from worker.preparer.process import CHILD
from worker.subprocesses.environment import ROOT


def say(first: bytes) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(CHILD, input=first, capture_output=True, timeout=120, cwd=ROOT, check=False)


def test_it_opens_the_vocabulary_and_ends_in_peace_with_its_stdin(tiny_qwen3: Path) -> None:
    child = say(TO_PREPARER.encode(PreparerSpec(str(tiny_qwen3), 100, "qwen-json")))
    assert FROM_PREPARER.decode(child.stdout) == Opened() and child.returncode == 0


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF")
    child = say(TO_PREPARER.encode(PreparerSpec(str(path), 100, "qwen-json")))
    answer = FROM_PREPARER.decode(child.stdout)
    assert isinstance(answer, Refused) and "broken.gguf" in answer.message and child.returncode == 0


def test_a_first_line_that_is_no_spec_is_an_error() -> None:
    child = say(b"hello\n")
    assert child.returncode == 1 and child.stdout == b"" and b"Garbled" in child.stderr


def test_a_tokeniser_that_dies_on_this_machine_is_found_out_before_any_client_asks(tiny_qwen3: Path) -> None:
    code = (
        "import os, worker.chat.prompt as prompt, worker.preparer.child as child;"
        "prompt.prepare = lambda *_: os.abort(); child.run(child.serve)"
    )
    spec = TO_PREPARER.encode(PreparerSpec(str(tiny_qwen3), 100, "qwen-json"))
    ended = subprocess.run([sys.executable, "-c", code], input=spec, capture_output=True, timeout=120, cwd=ROOT)
    assert ended.returncode == -6 and ended.stdout == b"", "not opened"


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA counts mappings on Linux")
def test_memory_beyond_the_limit_ends_the_request_and_not_the_machine() -> None:
    code = "import worker.preparer.child as c; c.limit_memory(64 << 20); bytearray(16 << 20); bytearray(1 << 30)"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, cwd=ROOT)
    assert ended.returncode == 1 and b"MemoryError" in ended.stderr


def test_a_grammar_whose_compiler_breaks_cannot_be_used() -> None:
    def breaks(grammar: str) -> list[str]:
        raise MemoryError

    assert "too dear" in verdict("start: /a/", breaks).fault
    assert verdict("start: /a/", lambda _: ["said"]) == Verdict(said=("said",))


def test_a_check_that_takes_for_ever_is_given_up() -> None:
    def loops(schema: dict[str, Any], text: str) -> list[str]:
        while True:
            pass

    assert checked(Check({}, "1"), loops) == Checked(("it could not be checked",))
    assert checked(Check({}, "1"), lambda *_: ["wrong"]) == Checked(("wrong",))
    assert bounded(lambda: []) == []
