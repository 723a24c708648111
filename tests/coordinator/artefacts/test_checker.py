"""Files verified, from the coordinator's side."""

import asyncio
import sys
from pathlib import Path

import pytest

from coordinator.artefacts import checker
from coordinator.artefacts.checker import Checker
from coordinator.artefacts.facts import Facts
from tests.coordinator.artefacts.files import jpeg, png
from tests.coordinator.conftest import until
from wire.errors import ErrorCode, SupernetError


def file(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "file"
    path.write_bytes(data)
    return path


def answering(code: str) -> Checker:
    """With a child that does this."""
    return Checker(command=(sys.executable, "-c", code), picture_s=5.0)


async def refused(checker: Checker, tmp_path: Path, data: bytes, media_type: str = "image/png") -> SupernetError:
    with pytest.raises(SupernetError) as error:
        await checker.check(file(tmp_path, data), media_type, tmp_path / "into")
    return error.value


async def test_a_picture_is_read_by_the_real_child(tmp_path: Path) -> None:
    facts = await Checker().check(file(tmp_path, png(40, 24)), "image/png", tmp_path / "into")
    assert facts == Facts("image/png", 40, 24)
    assert (tmp_path / "into").read_bytes().startswith(b"\x89PNG")


async def test_what_begins_as_something_else_meets_no_child(tmp_path: Path) -> None:
    error = await refused(answering("raise SystemExit"), tmp_path, jpeg())
    assert (error.code, error.message) == (ErrorCode.INVALID_MEDIA, "The file does not begin as image/png does.")


async def test_a_damaged_file_is_told_as_such(tmp_path: Path) -> None:
    error = await refused(Checker(), tmp_path, png()[:-30])
    assert (error.code, error.message) == (ErrorCode.INVALID_MEDIA, "The file is cut off: its end is missing.")


@pytest.mark.parametrize(
    "code",
    [
        "raise SystemExit(1)",
        "import os; os.kill(os.getpid(), 11)",
        "print('no json')",
        """print('{"facts": {"media_type": "image/png", "width": "x"}}')""",
        """print('{"facts": {"media_type": "text/html"}}')""",
        """print('{}')""",
        "print('x' * 100_000)",
        "import time; time.sleep(60)",
    ],
)
async def test_a_child_that_is_gone_or_talks_nonsense_refuses_the_file(tmp_path: Path, code: str) -> None:
    (tmp_path / "into").write_bytes(png())
    error = await refused(answering(code), tmp_path, png())
    assert error.code is ErrorCode.INVALID_MEDIA


async def test_a_child_that_was_taken_over_cannot_leave_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "into").write_bytes(b"<html><script>")
    told = """print('{"facts": {"media_type": "image/png", "width": 1, "height": 1}}')"""
    assert (await refused(answering(told), tmp_path, png())).code is ErrorCode.INVALID_MEDIA


async def test_few_wait_and_the_others_are_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checker, "WAITING", 1)
    one = answering("input(); import time; time.sleep(60)")
    path = file(tmp_path, png())
    running = [asyncio.create_task(one.check(path, "image/png", tmp_path / str(n))) for n in range(checker.AT_ONCE)]
    await until(one._places.locked)
    waiting = asyncio.create_task(one.check(path, "image/png", tmp_path / "waits"))
    await until(lambda: one._waiting == 1)
    assert (await refused(one, tmp_path, png())).code is ErrorCode.OVERLOADED
    for task in (*running, waiting):
        task.cancel()
    await asyncio.gather(*running, waiting, return_exceptions=True)
    assert not one._places.locked() and one._waiting == 0
