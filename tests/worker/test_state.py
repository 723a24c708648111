from pathlib import Path

import pytest

from worker import state


def test_the_identity_persists_across_restarts(tmp_path: Path) -> None:
    first = state.worker_id(tmp_path)
    assert first.startswith("w-")
    assert state.worker_id(tmp_path) == first


def test_two_folders_are_two_workers(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert state.worker_id(tmp_path / "a") != state.worker_id(tmp_path / "b")


def test_a_second_daemon_on_one_folder_is_told_what_to_do(tmp_path: Path) -> None:
    held = state.hold(tmp_path)
    with pytest.raises(state.StateError, match="--state-dir"):
        state.hold(tmp_path)
    held.close()
    state.hold(tmp_path).close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(state.StateError, match="file"):
        state.hold(tmp_path / "file" / "folder")


def test_a_status_counts_while_it_is_fresh(tmp_path: Path) -> None:
    state.write_status(tmp_path, {"time": 1000.0, "jobs": 2})
    assert state.read_status(tmp_path, now=1001.0) == {"time": 1000.0, "jobs": 2}
    assert state.read_status(tmp_path, now=1000.0 + state.STATUS_FRESH_S) is None


def test_no_status_and_a_torn_one_are_no_status(tmp_path: Path) -> None:
    assert state.read_status(tmp_path, now=0) is None
    (tmp_path / "status.json").write_text('{"time":')
    assert state.read_status(tmp_path, now=0) is None
