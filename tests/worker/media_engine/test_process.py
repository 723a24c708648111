"""The supervisor of a pipeline's process: with a child that fails as it is told to."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.worker.media_engine.bench import Bench, spec
from wire.errors import ErrorCode
from wire.media import GenerateImage
from worker.engine.restart import CRASHES
from worker.media_engine.port import Cancel, Down, Ended, Progress, Ready
from worker.media_engine.process import ProcessMediaEngine, Timeouts

FOX = GenerateImage(prompt="a fox", width=64, height=64, steps=4)
PATIENT = Timeouts(silent_s=60.0, cancel_s=60.0, close_s=10.0)


async def soon(_: float) -> None:
    await asyncio.sleep(0.01)


def engine(manner: str = "serve", timeouts: Timeouts = PATIENT) -> ProcessMediaEngine:
    command = (sys.executable, "-m", "tests.worker.media_engine.fake_child", manner)
    return ProcessMediaEngine(spec("ZImagePipeline", Path("/weights")), command=command, timeouts=timeouts, sleep=soon)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    bench = Bench(engine(), tmp_path)
    await bench.until(Ready)
    yield bench
    await bench.engine.close()


def pid(bench: Bench) -> int:
    assert isinstance(bench.engine, ProcessMediaEngine) and bench.engine.pid is not None
    return bench.engine.pid


async def test_jobs_are_answered_and_a_failure_is_its_own(bench: Bench) -> None:
    assert (await bench.make(FOX, "draws-1")).end.reason == "done"
    assert (await bench.make(FOX, "fails")).end.code is ErrorCode.ENGINE_ERROR
    assert (await bench.make(FOX, "draws-2")).made is not None


async def test_a_cancel_is_passed_on_and_one_of_nobody_is_nothing(bench: Bench) -> None:
    bench.engine.send(Cancel("nobody"))
    bench.send(FOX, "holds")
    await bench.until(Progress)
    bench.engine.send(Cancel("holds"))
    assert (await bench.until(Ended))[1] == Ended("holds", "cancelled")


@pytest.mark.parametrize("job", ["crashes", "babbles"])
async def test_a_crash_names_its_jobs_and_it_comes_back(bench: Bench, job: str) -> None:
    await bench.make(FOX, "draws")
    bench.send(FOX, job)
    bench.send(FOX, "holds")
    _, down = await bench.until(Down)
    assert set(down.jobs) <= {job, "holds"} and down.guilty == job and down.retry_in_s == 0.5 and not down.problem
    bench.send(FOX, "draws-early")
    _, end = await bench.until(Ended)
    assert end.code is ErrorCode.MODEL_NOT_LOADED
    await bench.until(Ready)
    assert (await bench.make(FOX, "draws-again")).end.reason == "done"


async def test_a_crash_at_the_first_job_ever_is_the_machines_fault(bench: Bench) -> None:
    bench.send(FOX, "crashes")
    _, down = await bench.until(Down)
    assert (down.retry_in_s, down.problem) == (None, "engine_cannot_compute")


async def test_a_cancelled_job_that_does_not_end_is_ended_with_its_process(tmp_path: Path) -> None:
    bench = Bench(engine(timeouts=Timeouts(silent_s=60.0, cancel_s=0.2, close_s=10.0)), tmp_path)
    await bench.until(Ready)
    await bench.make(FOX, "draws")
    bench.send(FOX, "stubborn")
    await bench.until(Progress)
    bench.engine.send(Cancel("stubborn"))
    _, down = await bench.until(Down)
    assert down.jobs == ("stubborn",) and "did not end" in down.message and down.retry_in_s is not None
    await bench.engine.close()


async def test_silence_is_a_hang(tmp_path: Path) -> None:
    bench = Bench(engine("silent", Timeouts(silent_s=0.2, cancel_s=60.0, close_s=10.0)), tmp_path)
    _, down = await bench.until(Down)
    assert "silent" in down.message and down.problem == "engine_not_loaded"
    await bench.engine.close()


async def test_nobody_waits_for_a_child_that_loads(tmp_path: Path) -> None:
    loading = engine("loads", Timeouts(close_s=3600))
    bench = Bench(loading, tmp_path)
    reading = asyncio.create_task(bench.until(Ready))
    async with asyncio.timeout(60):
        while loading.pid is None:  # noqa: ASYNC110  nobody tells that it is there
            await asyncio.sleep(0.01)
        await loading.close()
    reading.cancel()
    await asyncio.wait({reading})


async def test_a_load_without_end_is_ended(tmp_path: Path) -> None:
    bench = Bench(engine("loads", Timeouts(loading_s=0.5, cancel_s=60.0, close_s=10.0)), tmp_path)
    _, down = await bench.until(Down)
    assert "not loaded" in down.message and down.problem == "engine_not_loaded"
    await bench.engine.close()


@pytest.mark.parametrize(
    ("manner", "problem"),
    [
        ("refuses:damaged_file", "damaged_file"),
        ("refuses:no_such_row", "engine_not_loaded"),
        ("faults", "engine_cannot_compute"),
    ],
)
async def test_a_load_that_fails_is_not_tried_over_and_over(tmp_path: Path, manner: str, problem: str) -> None:
    bench = Bench(engine(manner), tmp_path)
    _, down = await bench.until(Down)
    assert (down.retry_in_s, down.problem) == (None, problem)
    if manner != "faults":
        assert "not only weights" in down.message
    await bench.engine.close()


async def test_the_last_crash_of_many_is_the_last(bench: Bench) -> None:
    await bench.make(FOX, "draws")
    for crash in range(CRASHES):
        os.kill(pid(bench), signal.SIGKILL)
        _, down = await bench.until(Down)
        assert (down.retry_in_s is None) == (crash == CRASHES - 1), down
        if down.retry_in_s is not None:
            await bench.until(Ready)
    assert "too many crashes" in down.message


@pytest.mark.parametrize("manner", ["serve", "deaf"])
async def test_close_ends_the_process_and_names_what_ran(tmp_path: Path, manner: str) -> None:
    bench = Bench(engine(manner, Timeouts(close_s=0.5 if manner == "deaf" else 10.0)), tmp_path)
    await bench.until(Ready)
    bench.send(FOX, "holds")
    await bench.until(Progress)
    process = pid(bench)
    await bench.engine.close()
    _, end = await bench.until(Ended)
    assert (end.job, end.code) == ("holds", ErrorCode.WORKER_DRAINING)
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def there(folder: Path) -> bool:
    return folder.exists()


def private(folder: Path) -> bool:
    return folder.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("crashes", [False, True])
async def test_what_libraries_keep_goes_with_the_process(tmp_path: Path, crashes: bool) -> None:
    bench = Bench(engine(), tmp_path)
    await bench.until(Ready)
    made = (await bench.make(FOX, "keeps")).made
    assert made is not None
    folder = Path(made.path).parent
    assert folder.name.startswith("supernet-media-") and private(folder)
    if crashes:
        bench.send(FOX, "crashes")
        await bench.until(Down)
    else:
        await bench.engine.close()
    assert not there(folder)
    await bench.engine.close()


async def test_a_request_that_fits_no_line_is_refused_by_itself(bench: Bench) -> None:
    huge = FOX.model_copy(update={"prompt": "\0" * 400_000})
    assert (await bench.make(huge, "draws")).end.code is ErrorCode.INVALID_REQUEST
    assert (await bench.make(FOX, "draws-2")).end.reason == "done"


async def test_close_without_a_reader_is_nothing() -> None:
    await engine().close()
