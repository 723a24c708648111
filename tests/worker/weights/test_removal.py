"""worker/weights/removal.py: what goes and what stays, with other processes, crashes and any order of events."""

import contextlib
import logging
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import filelock
import pytest

from tests.fakes.huggingface_hub import LoopbackHub
from tests.thoroughness import at_most
from tests.worker.weights.a_store import bytes_of, entry, hold, hold_eyes, pinned, spec, store_of
from tests.worker.weights.test_uses import ROOT, another_worker
from worker.weights.download import HuggingFace, ensure
from worker.weights.entries import Entry
from worker.weights.files import Weights, WeightsError
from worker.weights.inventory import look
from worker.weights.removal import Busy, make_room, remove
from worker.weights.store import Pin
from worker.weights.uses import alone, announced

ONE, TWO, THREE, NEW = entry("one"), entry("two"), entry("three"), entry("new")
PIPELINE = entry("z", "model_index.json", "unet/weights.safetensors", pipeline=True)


def files(folder: Path) -> set[str]:
    """All that is in the store but what only serves it."""
    own = ("pins", "records", "locks", "uses")
    every = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in every if path.parts[0] not in own}


def room_for(folder: Path, size: int, cap: int | None, one: Entry = NEW) -> None:
    """As `ensure` asks, of a model that is about to be fetched."""
    store, pin = store_of(folder, one), Pin("c" * 40, tuple(pinned(name, size) for name in one.files))
    store.keep_pin(pin)
    make_room(store, pin, [file for file in pin.files if not store.place(pin, file).is_file()], cap)


def here(folder: Path) -> set[str]:
    return {item.pin for item in look(folder).items if item.bytes}


def test_a_model_goes_with_all_that_was_known_of_it(tmp_path: Path) -> None:
    hold(tmp_path, ONE, 100)
    stays = hold(tmp_path, PIPELINE, 50)
    gone = remove(tmp_path, ONE.pins(tmp_path))
    assert (gone.bytes, gone.freed_bytes, gone.shared_bytes) == (100, 100, 0)
    assert here(tmp_path) == {stays} and len([*(tmp_path / "records").iterdir()]) == 2
    assert remove(tmp_path, PIPELINE.pins(tmp_path)).bytes == 100
    assert not files(tmp_path) and not [*(tmp_path / "pins").iterdir(), *(tmp_path / "records").iterdir()]
    assert {path.name for path in tmp_path.iterdir()} == {"pins", "records"}, "the pipeline's folders are gone too"


def test_what_another_model_has_too_stays(tmp_path: Path) -> None:
    same = entry("same", "one.gguf")
    hold(tmp_path, ONE, 100)
    hold(tmp_path, same, 100)
    gone = remove(tmp_path, ONE.pins(tmp_path))
    assert (gone.bytes, gone.shared_bytes) == (0, 100) and here(tmp_path) == {same.own_pins(tmp_path)[0]}


def test_a_file_with_another_name_frees_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    hold(store, ONE, 100)
    os.link(look(store).items[0].pieces[0].path, tmp_path / "mine.gguf")
    gone = remove(store, ONE.pins(store))
    assert (gone.bytes, gone.freed_bytes) == (100, 0) and (tmp_path / "mine.gguf").stat().st_size == 100


def test_what_a_living_worker_uses_is_refused_with_its_name(tmp_path: Path) -> None:
    hold(tmp_path, ONE, 100)
    with another_worker(tmp_path, "one"):
        with pytest.raises(Busy, match="the other worker"):
            remove(tmp_path, ONE.pins(tmp_path))
    assert remove(tmp_path, ONE.pins(tmp_path)).bytes == 100


def test_what_is_fetched_now_is_refused_also_of_a_program_that_says_nothing(tmp_path: Path) -> None:
    pin = hold(tmp_path, ONE, 100, arrived=10)
    (tmp_path / "locks").mkdir()
    with filelock.FileLock(tmp_path / "locks" / f"{Path(pin).stem}.lock"):
        with pytest.raises(Busy, match="fetches"):
            remove(tmp_path, ONE.pins(tmp_path))
    assert remove(tmp_path, ONE.pins(tmp_path)).bytes == 10 and not files(tmp_path)


def test_a_pipelines_small_files_that_just_came_are_no_leftovers_yet(tmp_path: Path) -> None:
    part = tmp_path / f"{'a' * 64}.part"
    part.write_bytes(b"{}")
    with pytest.raises(Busy):
        remove(tmp_path, (), leftovers=True)
    os.utime(part, (time.time() - 7200,) * 2)
    assert remove(tmp_path, (), leftovers=True).bytes == 2


def test_under_a_cap_what_was_used_least_lately_goes_and_no_more_than_has_to(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hold(tmp_path, ONE, 100, used_at=30.0)
    hold(tmp_path, TWO, 100, used_at=10.0)
    hold(tmp_path, THREE, 100, used_at=20.0)
    room_for(tmp_path, 100, None)
    room_for(tmp_path, 100, 400)
    assert len(here(tmp_path)) == 3
    room_for(tmp_path, 100, 399)
    assert here(tmp_path) == {ONE.pins(tmp_path)[0], THREE.pins(tmp_path)[0]}
    assert "removed someone/two: two.gguf" in caplog.text and "--models-cap-gib" in caplog.text


def test_what_nobody_wants_any_more_goes_first(tmp_path: Path) -> None:
    hold(tmp_path, ONE, 100, used_at=10.0)
    (tmp_path / hold(tmp_path, TWO, 100, used_at=99.0)).unlink()
    room_for(tmp_path, 100, 200)
    assert here(tmp_path) == {ONE.pins(tmp_path)[0]} and look(tmp_path).leftovers == ()


def test_a_pipeline_goes_as_a_model_does(tmp_path: Path) -> None:
    hold(tmp_path, PIPELINE, 100, used_at=10.0)
    hold(tmp_path, ONE, 100, used_at=20.0)
    room_for(tmp_path, 100, 250)
    assert here(tmp_path) == {ONE.pins(tmp_path)[0]}


def test_a_cap_that_no_removal_can_keep_is_said_before_anything_is_removed(tmp_path: Path) -> None:
    hold(tmp_path, ONE, 100)
    hold(tmp_path, TWO, 100)
    with another_worker(tmp_path, "one"), pytest.raises(WeightsError, match="in use") as caught:
        room_for(tmp_path, 100, 199)
    assert caught.value.code == "models_cap" and len(here(tmp_path)) == 2


def test_neither_what_a_worker_uses_nor_what_it_is_about_to_load_goes(tmp_path: Path) -> None:
    hold(tmp_path, ONE, 100, used_at=1.0)
    hold(tmp_path, TWO, 100, used_at=2.0)
    hold(tmp_path, NEW, 100, used_at=0.0, arrived=60)
    with another_worker(tmp_path, "one"):
        room_for(tmp_path, 100, 200)
    assert here(tmp_path) == {ONE.pins(tmp_path)[0], NEW.pins(tmp_path)[0]}


def test_the_projector_of_a_model_that_is_used_stays(tmp_path: Path) -> None:
    seeing = entry("one", projector="mmproj.gguf")
    hold(tmp_path, seeing, 100)
    eyes = hold_eyes(tmp_path, seeing, 50)
    hold(tmp_path, TWO, 100, used_at=9.0)
    with announced(tmp_path, [seeing], "me"):
        room_for(tmp_path, 100, 250)
    assert here(tmp_path) == {seeing.own_pins(tmp_path)[0], eyes}


def test_two_that_fetch_at_once_do_not_pass_the_cap_together(tmp_path: Path) -> None:
    """Who asks second counts all of what the first was promised, of which not a byte has come."""
    with another_worker(tmp_path, "one"):
        room_for(tmp_path, 100, 150, ONE)
        with pytest.raises(WeightsError, match="two needs"):
            room_for(tmp_path, 100, 150, TWO)
        room_for(tmp_path, 100, 200, TWO)
    room_for(tmp_path, 100, 150, TWO)  # the first is gone, and has nothing


def test_files_of_the_owners_are_neither_counted_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "mine.gguf").write_bytes(b"x" * 10_000)
    (tmp_path / f"{'a' * 64}.gguf").write_bytes(b"x" * 10_000)
    hold(tmp_path, ONE, 100)
    room_for(tmp_path, 100, 100)
    remove(tmp_path, (), leftovers=True)
    assert {path for path in files(tmp_path) if not path.endswith(".part")} == {"mine.gguf", f"{'a' * 64}.gguf"}


def test_what_died_half_written_is_swept_when_it_is_old(tmp_path: Path) -> None:
    hold(tmp_path, ONE, 100, arrived=10)
    names = ["pins/a.json.7.new", "records/b.json.8.new", f"{'a' * 64}.part"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{")
    room_for(tmp_path, 10, None)
    assert all((tmp_path / name).exists() for name in names)
    for name in [*names, *files(tmp_path)]:
        os.utime(tmp_path / name, (1.0, 1.0))
    room_for(tmp_path, 10, None)
    assert not any((tmp_path / name).exists() for name in names) and here(tmp_path) == {ONE.pins(tmp_path)[0]}


class Crash(BaseException):
    """The process dies here."""


@contextlib.contextmanager
def dying_after(steps: int, patched: pytest.MonkeyPatch) -> Iterator[None]:
    """Let so many files and folders be removed, and no more."""
    left, unlink, rmdir = [steps], Path.unlink, Path.rmdir

    def step() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Crash

    def unlinks(path: Path, missing_ok: bool = False) -> None:
        step()
        unlink(path, missing_ok=missing_ok)

    def rmdirs(path: Path) -> None:
        step()
        rmdir(path)

    with patched.context() as context:
        context.setattr(Path, "unlink", unlinks)
        context.setattr(Path, "rmdir", rmdirs)
        with contextlib.suppress(Crash):
            yield


@pytest.mark.parametrize("steps", range(12))
def test_a_removal_that_dies_in_between_is_finished_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    hold(tmp_path, PIPELINE, 100)
    stays = hold(tmp_path, ONE, 100)
    with dying_after(steps, monkeypatch):
        remove(tmp_path, PIPELINE.pins(tmp_path))
    found = look(tmp_path)
    rest = sum(piece.size for piece in {piece for item in found.every for piece in item.pieces})
    assert rest == sum((tmp_path / name).stat().st_size for name in files(tmp_path)), "all that is left is still ours"
    remove(tmp_path, PIPELINE.pins(tmp_path), leftovers=True)
    assert here(tmp_path) == {stays} and len(files(tmp_path)) == 1


@pytest.mark.parametrize("steps", range(5))
def test_a_model_whose_removal_died_is_fetched_whole_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    parts = ("a-00001-of-00002.gguf", "a-00002-of-00002.gguf")
    monkeypatch.delenv("HF_TOKEN", raising=False)
    one = entry("a", *parts)
    hub = LoopbackHub({(one.repository, name): bytes_of(name, 5000) for name in parts})
    with hub:

        def get() -> Weights:
            return ensure(spec("a", *parts), tmp_path, lambda _: None, HuggingFace(endpoint=hub.endpoint, pause_s=0))

        before = get()
        with dying_after(steps, monkeypatch):
            remove(tmp_path, one.pins(tmp_path))
        assert get().sha256 == before.sha256 and all(path.is_file() for path in before.parts)


FETCHER = """
import sys
from pathlib import Path
from tests.worker.weights.a_store import entry, spec
from worker.weights.download import HuggingFace, ensure
from worker.weights.files import WeightsError
from worker.weights.uses import announced
folder, endpoint, id, cap = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
with announced(folder, [entry(id)], id):
    try:
        ensure(spec(id), folder, lambda _: None, HuggingFace(endpoint=endpoint), cap)
        print("here", flush=True)
    except WeightsError as error:
        print(error.code, flush=True)
    sys.stdin.read()
"""


def test_two_workers_that_share_a_store_never_pass_the_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes at the same time: as many get their model as the cap has room for, and what lay there goes."""
    monkeypatch.delenv("HF_TOKEN", raising=False)
    size = 400_000
    wanted = [entry(id) for id in ("a", "b", "c")]
    hold(tmp_path, ONE, size, used_at=1.0)
    with LoopbackHub({(one.repository, one.files[0]): bytes_of(one.files[0], size) for one in wanted}) as hub:
        running = []
        for one in wanted:
            command = [sys.executable, "-c", FETCHER, str(tmp_path), hub.endpoint, one.id, str(2 * size + 10)]
            pipe = subprocess.PIPE
            running.append(subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True))
        said = sorted(process.stdout.readline().strip() for process in running if process.stdout)
        found = look(tmp_path).bytes
        for process in running:
            process.communicate(timeout=60)
    assert said == ["here", "here", "models_cap"] and found == 2 * size


def test_whatever_happens_nothing_in_use_goes_and_no_cap_is_passed(tmp_path: Path) -> None:
    """Models of any size come and go under any cap, used or not, in any order."""
    entries = [entry(f"m{number}") for number in range(5)] + [PIPELINE]
    for seed in range(at_most(300)):
        chance, folder = random.Random(seed), tmp_path / str(seed)
        folder.mkdir()
        (folder / "mine.gguf").write_bytes(b"mine")
        with contextlib.ExitStack() as living:
            used: set[str] = set()
            for _ in range(chance.randrange(3, 12)):
                one = chance.choice(entries)
                before, pin = here(folder), one.own_pins(folder)[0]
                match chance.randrange(4):
                    case 0:
                        hold(folder, one, chance.randrange(1, 300), float(chance.randrange(100)))
                    case 1:
                        living.enter_context(announced(folder, [one], one.id))
                        used.add(pin)
                    case 2:
                        with contextlib.suppress(Busy):
                            remove(folder, one.pins(folder))
                            assert pin not in used & before
                    case 3:
                        size, cap = chance.randrange(1, 400), chance.randrange(1, 1200)
                        whole = look(folder).bytes
                        try:
                            room_for(folder, size, cap, NEW)
                            assert look(folder).bytes + size <= cap
                        except WeightsError:
                            assert look(folder).bytes == whole
                        (folder / f"{pinned('new.gguf', size).sha256}.part").unlink(missing_ok=True)
                        (folder / NEW.own_pins(folder)[0]).unlink(missing_ok=True)
                assert used & before <= here(folder) and (folder / "mine.gguf").read_bytes() == b"mine"


def test_the_store_must_be_free_within_some_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.weights.uses.TURN_S", 0.1)
    with alone(tmp_path), pytest.raises(WeightsError, match="for itself") as caught:
        room_for(tmp_path, 100, 1000)
    assert caught.value.code == "locked"
