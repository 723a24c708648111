"""Files on their way in."""

import asyncio
import os
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import pytest

from coordinator.artefacts import staging
from coordinator.artefacts.staging import Staging
from wire.errors import ErrorCode, SupernetError


async def chunks(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


async def test_what_comes_is_written_and_measured(tmp_path: Path) -> None:
    folder, data = Staging(tmp_path / "partial"), bytes(range(256)) * 3000
    with folder.place() as path:
        sent = await folder.receive(chunks(data[:5], b"", data[5:700_000], data[700_000:]), path, len(data))
        assert path.read_bytes() == data
        assert (sent.sha256, sent.size_bytes) == (sha256(data).hexdigest(), len(data))
    assert list((tmp_path / "partial").iterdir()) == []


async def test_nothing_is_read_above_the_bound_and_nothing_stays(tmp_path: Path) -> None:
    folder, read = Staging(tmp_path), 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield bytes(1000)

    with pytest.raises(SupernetError) as refused, folder.place() as path:
        await folder.receive(endless(), path, 10_000)
    assert refused.value.code is ErrorCode.REQUEST_TOO_LARGE
    assert read == 11_000
    assert os.listdir(tmp_path) == []


async def test_what_comes_too_slowly_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "GRACE_S", 0.05)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)

    with pytest.raises(SupernetError, match="more slowly"), Staging(tmp_path).place() as path:
        await Staging(tmp_path).receive(drops(), path, 2**30)


def test_a_start_finds_nothing_of_before(tmp_path: Path) -> None:
    Staging(tmp_path / "none").clear()
    (tmp_path / "left").write_text("half a file")
    Staging(tmp_path).clear()
    assert list(tmp_path.iterdir()) == []
