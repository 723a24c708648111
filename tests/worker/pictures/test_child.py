"""What the process allows to each file that it reads."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.hostile.pictures import files, refused
from tools.hostile.pictures.files import quarters, saved
from worker.pictures import child
from worker.pictures.pipe import FROM_READER, TO_READER, File, Pixels, Unreadable

ROOT = Path(__file__).parents[3]
LINE = TO_READER.encode(File(saved(quarters(), "PNG"), 1024))


def told() -> Pixels | Unreadable:
    return FROM_READER.decode(child.answer(LINE))


def test_a_good_file_is_answered_with_its_pixels() -> None:
    assert isinstance(told(), Pixels)


def test_a_head_that_takes_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "HEAD_S", 0.1)
    for case in refused.tedious():
        assert case.wrong(FROM_READER.decode(child.answer(TO_READER.encode(File(case.data, 1024))))) == ""


def test_pixels_have_more_time_than_a_head() -> None:
    """In a process of its own: this one may have left no memory of what a reader is allowed."""
    code = "from worker.pictures import child; child.HEAD_S = 0.25; child.run(child.serve)"
    data = files.scans(8000, 4000, 29)  # 0.4 s of processor time
    asked = TO_READER.encode(File(data, 1024))
    told = subprocess.run([sys.executable, "-c", code], input=asked, capture_output=True, cwd=ROOT, check=True).stdout
    assert isinstance(FROM_READER.decode(told), Pixels)


def crash(file: File) -> bytes:
    os.abort()


def hang(file: File) -> bytes:
    while True:
        time.process_time()


def hoard(file: File) -> bytes:
    return bytes(bytearray(child.MEMORY_BYTES + 1))


def fail(file: File) -> bytes:
    raise RuntimeError("as no reader should")


@pytest.mark.parametrize("fault", [crash, hang, hoard, fail])
def test_a_file_that_takes_the_reader_over_has_a_copy_of_it_and_the_next_is_read(
    monkeypatch: pytest.MonkeyPatch, fault: object
) -> None:
    monkeypatch.setattr(child, "HEAD_S", 0.2)
    with monkeypatch.context() as during:
        during.setattr(child, "_read", fault)
        answer = told()
        assert isinstance(answer, Unreadable) and "save it anew" in answer.why
    assert isinstance(told(), Pixels)


def test_who_reads_a_file_can_open_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")

    def steal(file: File) -> bytes:
        try:
            secret.read_text()
        except OSError:
            return FROM_READER.encode(Unreadable("no file opens"))
        return FROM_READER.encode(Unreadable("the secret"))

    monkeypatch.setattr(child, "_read", steal)
    assert told() == Unreadable("no file opens")
