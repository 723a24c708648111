"""What has expired goes, and objects that nobody has."""

import asyncio
import os
from pathlib import Path

import pytest

from coordinator.artefacts import sweeper
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.rows import Room, end_all
from coordinator.artefacts.sweeper import YOUNG_MS, Sweeper
from coordinator.clock import now_ms
from coordinator.store.store import Store
from tests.coordinator.artefacts.conftest import cut_off
from tests.coordinator.artefacts.files import png
from tests.coordinator.artefacts.test_artefacts import files
from tests.coordinator.conftest import until


async def test_what_has_expired_goes_and_the_rest_stays(
    artefacts: Artefacts, account: str, stranger: str, folder: Path, store: Store
) -> None:
    for _ in range(3):
        await artefacts.keep(account, png(), "image/png")
    stays = await artefacts.keep(stranger, png(), "image/png")
    await store.run(end_all, account, now_ms())
    await Sweeper(artefacts).once(orphans=True)
    assert len(files(folder)) == 1
    assert await artefacts.read(stranger, stays.id)
    assert artefacts.counted.kept == Room(stays.size_bytes, 1)


async def test_an_object_without_a_row_goes_when_it_is_old(
    artefacts: Artefacts, account: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "AT_ONCE", 2)
    kept = await artefacts.keep(account, png(), "image/png")
    long_ago = (now_ms() - YOUNG_MS) / 1000 - 60
    for name, old in (("aa", True), ("bb", True), ("cc", False), ("dd", True)):
        with artefacts.staging.place() as path:
            path.write_bytes(b"left by a crash")
            await artefacts.objects.put(name * 32, path, "image/png")
        place = await artefacts.objects.place(name * 32, "image/png")
        assert isinstance(place, Path)
        if old:
            os.utime(place, (long_ago, long_ago))
    mine = await artefacts.place(kept)
    assert isinstance(mine, Path)
    os.utime(mine, (long_ago, long_ago))
    await Sweeper(artefacts).once(orphans=False)
    assert len(files(folder)) == 5
    await Sweeper(artefacts).once(orphans=True)
    assert {file.name for file in files(folder)} == {kept.sha256, "cc" * 32}


async def test_it_runs_until_it_is_ended_whatever_fails(
    artefacts: Artefacts, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sweeper, "EVERY_S", 0.001)
    cut_off(monkeypatch)
    running = asyncio.create_task(Sweeper(artefacts).run())
    await until(lambda: "the sweeper of artefacts failed" in caplog.text)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
