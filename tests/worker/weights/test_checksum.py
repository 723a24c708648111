"""worker/weights/checksum.py: a hash is computed once, and again as soon as the file is another."""

import hashlib
import os
from pathlib import Path

import pytest

from worker.weights import checksum
from worker.weights.checksum import digest, remember, sha256_of, write_json

CONTENT = bytes(range(256)) * 1000


def counted(path: Path, records: Path) -> tuple[str, list[int]]:
    seen: list[int] = []
    return sha256_of(path, records, seen.append), seen


def test_a_hash_is_remembered_while_the_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(CONTENT)
    assert counted(path, tmp_path / "r") == (hashlib.sha256(CONTENT).hexdigest(), [len(CONTENT)])
    assert counted(path, tmp_path / "r") == (hashlib.sha256(CONTENT).hexdigest(), [])


@pytest.mark.parametrize("change", ["size", "time", "inode"])
def test_a_changed_file_is_hashed_again(tmp_path: Path, change: str) -> None:
    path, records = tmp_path / "a", tmp_path / "r"
    path.write_bytes(CONTENT)
    counted(path, records)
    stat = path.stat()
    if change == "size":
        path.write_bytes(CONTENT + b"x")
    elif change == "inode":
        other = tmp_path / "b"
        other.write_bytes(CONTENT[::-1])
        other.replace(path)
    os.utime(path, ns=(0, stat.st_mtime_ns + (1 if change == "time" else 0)))
    assert counted(path, records) == (hashlib.sha256(path.read_bytes()).hexdigest(), [path.stat().st_size])


@pytest.mark.parametrize("note", ["", "null", "[1]", "{}", '{"size": 1}', "\x00"])
def test_a_record_that_makes_no_sense_is_ignored(tmp_path: Path, note: str) -> None:
    path, records = tmp_path / "a", tmp_path / "r"
    path.write_bytes(CONTENT)
    counted(path, records)
    next(records.iterdir()).write_text(note)
    assert counted(path, records)[1] == [len(CONTENT)]


def test_what_is_remembered_is_not_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(CONTENT)
    remember(path, tmp_path / "r", "ab" * 32)
    assert counted(path, tmp_path / "r") == ("ab" * 32, [])


def test_progress_is_told_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checksum, "CHUNK_BYTES", 100_000)
    (tmp_path / "a").write_bytes(CONTENT)
    seen: list[int] = []
    digest(tmp_path / "a", seen.append)
    assert seen == [100_000, 200_000, 256_000]


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_json(tmp_path / "x" / "a.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x" / "a.json", {"a": object()})
    assert [(path.name, path.read_text()) for path in (tmp_path / "x").iterdir()] == [("a.json", '{"a": 1}')]
