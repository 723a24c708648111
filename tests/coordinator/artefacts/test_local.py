"""Objects on the disk."""

import os
from pathlib import Path

import pytest

from coordinator.artefacts.local import LocalObjects
from coordinator.artefacts.objects import ObjectsError

NAME = "ab" + "0" * 62


async def test_a_file_becomes_an_object_is_read_and_goes(tmp_path: Path) -> None:
    objects, file = LocalObjects(tmp_path / "objects"), tmp_path / "file"
    file.write_bytes(b"some bytes")
    await objects.put(NAME, file, "image/png")
    assert not file.exists()
    assert await objects.read(NAME) == b"some bytes"
    place = await objects.place(NAME, "image/png")
    assert isinstance(place, Path) and place.read_bytes() == b"some bytes"
    assert [listed.sha256 async for listed in objects.all()] == [NAME]
    await objects.delete(NAME)
    await objects.delete(NAME)
    assert [listed async for listed in objects.all()] == []
    with pytest.raises(ObjectsError):
        await objects.read(NAME)


async def test_the_same_bytes_again_change_nothing(tmp_path: Path) -> None:
    objects = LocalObjects(tmp_path / "objects")
    for _ in range(2):
        file = tmp_path / "file"
        file.write_bytes(b"some bytes")
        await objects.put(NAME, file, "image/png")
    assert await objects.read(NAME) == b"some bytes"


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", NAME[:-1], NAME.upper(), NAME + "\n", ""])
async def test_no_other_name_becomes_a_path(tmp_path: Path, name: str) -> None:
    objects, file = LocalObjects(tmp_path / "objects"), tmp_path / "file"
    file.write_bytes(b"x")
    for attempt in (objects.read(name), objects.delete(name), objects.place(name, ""), objects.put(name, file, "")):
        with pytest.raises(ObjectsError):
            await attempt
    assert os.listdir(tmp_path) == ["file"]


async def test_a_disk_that_fails_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("no folder")
    file = tmp_path / "file"
    file.write_bytes(b"x")
    with pytest.raises(ObjectsError):
        await LocalObjects(tmp_path / "objects").put(NAME, file, "image/png")


async def test_what_else_lies_in_the_folder_is_no_object(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "notes.txt").write_text("x")
    assert [listed async for listed in LocalObjects(tmp_path).all()] == []
