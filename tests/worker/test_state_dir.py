from pathlib import Path

import pytest

from worker import state_dir


def test_the_identity_persists_across_restarts(tmp_path: Path) -> None:
    first = state_dir.worker_id(tmp_path)
    assert first.startswith("w-")
    assert state_dir.worker_id(tmp_path) == first


@pytest.mark.parametrize("left", [b"", b"\0" * 34, b"\xff\xfe", b"w-1\nw-2", b"my worker", b"w" * 10_000])
def test_an_identity_that_is_none_is_made_anew(tmp_path: Path, left: bytes) -> None:
    (tmp_path / "worker-id").write_bytes(left)
    made = state_dir.worker_id(tmp_path)
    assert made.startswith("w-") and len(made) == 34 and state_dir.worker_id(tmp_path) == made


def test_two_folders_are_two_workers(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert state_dir.worker_id(tmp_path / "a") != state_dir.worker_id(tmp_path / "b")


def test_a_second_daemon_on_one_folder_is_told_what_to_do(tmp_path: Path) -> None:
    held = state_dir.hold(tmp_path)
    with pytest.raises(state_dir.StateError, match="--state-dir"):
        state_dir.hold(tmp_path)
    held.close()
    state_dir.hold(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(state_dir.StateError, match="file"):
        state_dir.hold(tmp_path / "file" / "folder")


def test_a_pause_is_remembered_until_it_is_over(tmp_path: Path) -> None:
    assert not state_dir.is_paused(tmp_path)
    for paused in (True, True, False, False):
        state_dir.set_paused(tmp_path, paused)
        assert state_dir.is_paused(tmp_path) == paused
