"""Files verified, from the coordinator's side."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from coordinator.artefacts import checker
from coordinator.artefacts.checker import Checker
from coordinator.artefacts.facts import Facts
from coordinator.artefacts.names import Origin
from tests.coordinator.artefacts.files import jpeg, mp4, png
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
        await checker.check(file(tmp_path, data), media_type, tmp_path / "into", "a", "upload")
    return error.value


async def test_a_picture_is_read_by_the_real_child(tmp_path: Path) -> None:
    facts = await Checker().check(file(tmp_path, png(40, 24)), "image/png", tmp_path / "into", "a", "made")
    assert facts == Facts("image/png", 40, 24)
    assert (tmp_path / "into").read_bytes().startswith(b"\x89PNG")


async def test_a_child_that_ends_by_itself_is_not_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[object] = []
    monkeypatch.setattr(asyncio.subprocess.Process, "kill", killed.append)
    assert await Checker().check(file(tmp_path, png()), "image/png", tmp_path / "into", "a", "made")
    assert not killed


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


# Reads its line, and ends when it is told to: a film that takes minutes.
STUCK = "input(); import time; time.sleep(600)"


class Crowd(Checker):
    """Reads each file in a child that does not end. `begun`: accounts of those that are read, and what others hear."""

    def __init__(self, tmp_path: Path) -> None:
        super().__init__(command=(sys.executable, "-c", STUCK))
        self.begun: list[str] = []
        self._tmp_path = tmp_path
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Crowd":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def come(self, account: str, origin: Origin, media_type: str = "image/png") -> None:
        sent = self._tmp_path / f"{account}-{len(self._tasks)}"
        sent.write_bytes(png() if media_type == "image/png" else mp4())
        self._tasks.append(asyncio.create_task(self._one(sent, media_type, account, origin)))

    async def _one(self, sent: Path, media_type: str, account: str, origin: Origin) -> None:
        try:
            await self.check(sent, media_type, sent.with_suffix(".into"), account, origin)
        except SupernetError as error:
            self.begun.append(f"{account}: {error.code}")

    async def _ask(self, file: Path, media_type: str, into: Path) -> Any:
        self.begun.append(file.name.partition("-")[0])
        return await super()._ask(file, media_type, into)


async def test_films_of_one_account_hold_up_no_picture_nobody_elses_and_nothing_that_was_made(tmp_path: Path) -> None:
    async with Crowd(tmp_path) as crowd:
        for _ in range(6):
            crowd.come("greedy", "upload", "video/mp4")
        await until(lambda: crowd.begun.count("greedy") == 1)
        crowd.come("a", "upload")
        crowd.come("b", "made", "video/mp4")
        crowd.come("c", "made")
        await until(lambda: {"a", "b", "c"} <= set(crowd.begun))
        assert crowd.begun.count("greedy") == 1


async def test_pictures_of_one_account_leave_room_for_those_of_another(tmp_path: Path) -> None:
    async with Crowd(tmp_path) as crowd:
        for _ in range(checker.WAITING_OF_ONE + checker.OF_ONE):
            crowd.come("greedy", "upload")
        await until(lambda: crowd.begun.count("greedy") == checker.OF_ONE)
        crowd.come("greedy", "upload")  # one too many of its own
        await until(lambda: "greedy: overloaded" in crowd.begun)
        crowd.come("another", "upload")
        await until(lambda: "another" in crowd.begun)


async def test_a_client_may_have_several_pictures_made_at_a_time(tmp_path: Path) -> None:
    async with Crowd(tmp_path) as crowd:
        for _ in range(checker.PICTURES):
            crowd.come("a", "made")
        await until(lambda: crowd.begun.count("a") == checker.PICTURES)
