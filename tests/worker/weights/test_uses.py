"""worker/weights/uses.py: who uses a store, with processes that end and processes that are killed."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.worker.weights.a_store import entry, hold
from worker.weights import uses
from worker.weights.uses import alone, announced, living

ROOT = Path(__file__).parents[3]
ONE, TWO = entry("one"), entry("two")
USER = """
import sys
from pathlib import Path
from tests.worker.weights.a_store import entry
from worker.weights.uses import announced
with announced(Path(sys.argv[1]), [entry(id) for id in sys.argv[2:]], "the other worker"):
    print("uses", flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def another_worker(folder: Path, *ids: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that uses these until it is told to leave, or killed."""
    command = [sys.executable, "-c", USER, str(folder), *ids]
    running = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert running.stdout and running.stdin
    assert running.stdout.readline() == "uses\n"
    try:
        yield running
    finally:
        running.stdin.close()
        running.stdout.close()
        running.wait(60)


def used(folder: Path) -> dict[str, frozenset[str] | None]:
    with alone(folder):
        return {use.who: use.pins for use in living(folder)}


def test_what_another_process_uses_is_seen_while_it_lives(tmp_path: Path) -> None:
    with another_worker(tmp_path, "one"):
        assert used(tmp_path) == {"the other worker": frozenset(ONE.pins(tmp_path))}
        with announced(tmp_path, [TWO], "me"):
            assert {*used(tmp_path)} == {"the other worker", "me"}
    assert used(tmp_path) == {}


def test_who_was_killed_uses_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    with another_worker(tmp_path, "one") as other:
        other.send_signal(signal.SIGKILL)
        other.wait(60)
        assert [*(tmp_path / "uses").iterdir()]
        assert used(tmp_path) == {} and not [*(tmp_path / "uses").iterdir()]


def test_what_cannot_be_read_may_be_anything(tmp_path: Path) -> None:
    with announced(tmp_path, [ONE], "me"):
        (path,) = (tmp_path / "uses").iterdir()
        path.write_text("[]")  # of another version
        with alone(tmp_path):
            (use,) = living(tmp_path)
        assert use.of("pins/any.json")


def test_the_use_ends_now_for_what_was_used_until_now(tmp_path: Path) -> None:
    pin = tmp_path / hold(tmp_path, ONE, 10, used_at=5.0)
    with announced(tmp_path, [ONE], "me"):
        assert pin.stat().st_mtime == 5.0
    assert pin.stat().st_mtime > 5.0


def test_nothing_that_is_used_leaves_no_trace(tmp_path: Path) -> None:
    with announced(tmp_path / "none", [], "me"):
        pass
    assert not (tmp_path / "none").exists()


def test_a_store_that_cannot_be_written_to_is_used_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    with announced(tmp_path / "file" / "models", [ONE], "me"):
        assert "others cannot see" in caplog.text


def test_only_one_has_its_turn_and_who_waits_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uses, "TURN_S", 0.1)
    with alone(tmp_path):
        with pytest.raises(TimeoutError, match="for itself"), alone(tmp_path):
            pass
    with alone(tmp_path):
        pass


def test_a_lock_of_a_download_says_that_it_is_fetched(tmp_path: Path) -> None:
    import filelock

    pin = ONE.own_pins(tmp_path)[0]
    assert not uses.fetched_now(tmp_path, pin)
    lock = tmp_path / "locks" / f"{Path(pin).stem}.lock"
    lock.parent.mkdir()
    with filelock.FileLock(lock):
        assert uses.fetched_now(tmp_path, pin)
    assert not uses.fetched_now(tmp_path, pin)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes files for others")
def test_what_root_announces_belongs_to_the_stores_owner(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with announced(tmp_path, [ONE], "root's"):
        (path,) = (tmp_path / "uses").iterdir()
        assert {path.stat().st_uid, path.parent.stat().st_uid} == {12345}
