"""The daemon's folder for media: who may look into it, and what is never opened."""

import os
import stat
from pathlib import Path

import pytest

from worker.daemon.scratch import Scratch
from worker.session.slots import JobKey

A, KEY = "a" * 64, JobKey("../../etc/passwd", 1)


def test_files_are_kept_piece_by_piece_and_forgotten(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "media")
    scratch.keep(A, b"one ")
    scratch.keep(A, b"two")
    ((name, path),) = scratch.inputs([A])
    assert name == A and Path(path).read_bytes() == b"one two"
    assert stat.S_IMODE((tmp_path / "media").stat().st_mode) == 0o700
    scratch.forget(A)
    scratch.forget(A)
    assert not Path(path).exists()
    scratch.close()
    assert not (tmp_path / "media").exists()


def test_no_name_from_the_network_becomes_a_path(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "media")
    room = Path(scratch.room(KEY))
    assert room.parent == tmp_path / "media" and room.name.isdigit()
    scratch.clean_up(KEY)
    assert not room.exists()


def test_only_a_file_of_the_attempts_own_is_opened(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "media")
    room = Path(scratch.room(KEY))
    (room / "made.png").write_bytes(b"png")
    with scratch.open(KEY, str(room / "made.png")) as file:
        assert file.read() == b"png"
    secret = tmp_path / "key"
    secret.write_text("sk")
    (room / "link.png").symlink_to(secret)
    os.mkfifo(room / "pipe.png")
    (room / "folder").mkdir()
    wrong = [
        secret,
        room / "link.png",
        room / "pipe.png",
        room / "folder",
        room / ".." / ".." / "key",
        Path("/etc/hosts"),
    ]
    for path in wrong:
        with pytest.raises(OSError):
            scratch.open(KEY, str(path))


def test_what_a_killed_daemon_left_is_removed_and_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    left = tmp_path / "media" / "0"
    left.mkdir(parents=True)
    scratch = Scratch(tmp_path / "media")
    assert left.exists()
    scratch.room(JobKey("b", 1))
    assert not (left / "made.png").exists() and len(list((tmp_path / "media").iterdir())) == 1


def test_a_file_that_could_not_be_written_is_never_whole_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    scratch = Scratch(tmp_path / "file" / "media")
    with pytest.raises(OSError):
        scratch.keep(A, b"one")
    with pytest.raises(OSError):
        scratch.inputs([A])
    scratch.forget(A)
