"""The supervisor, with real processes: tests/worker/engine/fake_child.py dies in every way a native engine can."""

import asyncio
import contextlib
import logging
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.fakes.manual_time import ManualTime
from tests.worker.bindings.planted import CRASH, MANY_ROWS, planted
from wire.chat import Sampling
from wire.errors import ErrorCode
from worker.bindings import proof
from worker.engine.mailbox import ROOM
from worker.engine.port import Cancel, Down, Ended, EngineSpec, Event, Loading, Picture, Ready, Stepped, Submit
from worker.engine.process import ProcessEngine, Timeouts
from worker.subprocesses import parent
from worker.subprocesses.environment import ROOT
from worker.subprocesses.parent import LOG_BURST, LOG_CHARS

SPEC = EngineSpec(path="no-file.gguf", slots=2, context=4096, gpu_layers=-1)

E = TypeVar("E", bound=Event)


def standin(manner: str = "serve") -> tuple[str, ...]:
    return (sys.executable, "-m", "tests.worker.engine.fake_child", manner)


def submit(job: str, prompt: tuple[int, ...] = (1, 2, 3)) -> Submit:
    return Submit(job, prompt, 10, Sampling.model_validate({}), 0)


class Bench:
    """An engine, its events, and a clock that only the test moves."""

    def __init__(
        self,
        manner: str = "serve",
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - frozen
        spec: EngineSpec = SPEC,
    ) -> None:
        self.time = ManualTime()
        self.engine = ProcessEngine(
            spec, command=standin(manner), timeouts=timeouts, clock=self.time.clock, sleep=self.time.sleep
        )
        self._events = self.engine.events()

    async def next(self) -> Event:
        async with asyncio.timeout(60):
            return await anext(self._events)

    async def until(self, kind: type[E]) -> E:
        while not isinstance(event := await self.next(), kind):
            pass
        return event

    async def rest(self) -> list[Event]:
        async with asyncio.timeout(60):
            return [event async for event in self._events]

    async def pid(self) -> int:
        self.engine.send(submit("pid"))
        return int((await self.until(Ended)).message)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    await bench.until(Ready)
    yield bench
    await bench.engine.close()


def gone(pid: int) -> bool:
    """Ended and reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


async def reaped(pid: int, child: parent.ChildProcess) -> None:
    """Kill it at last, and let the event loop see its end: a test must leave nothing behind."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(60):
        await child._process.wait()


async def test_a_job_is_answered_in_order_and_what_libraries_print_does_not_get_into_it() -> None:
    bench = Bench()
    assert await bench.next() == Loading(0.5)
    assert await bench.next() == Ready(slots=2, context=4096, vocab=256)
    bench.engine.send(submit("job", (7, 8, 9)))
    tokens = []
    while isinstance(event := await bench.next(), Stepped):
        tokens += [token.id for token in event.tokens]
    assert tokens == [7, 8, 9]
    assert event == Ended("job", "stop")
    await bench.engine.close()


async def test_a_kill_in_the_middle_loses_no_token_and_names_the_job(bench: Bench) -> None:
    bench.engine.send(submit("killed"))
    stepped = await bench.next()
    assert isinstance(stepped, Stepped) and stepped.tokens[0].piece == b"x"
    down = await bench.next()
    assert isinstance(down, Down)
    assert down.jobs == ("killed",) and down.guilty == "killed" and down.retry_in_s == 0.5
    assert "SIGKILL" in down.message


async def test_with_two_jobs_in_the_engine_nobody_is_called_guilty(bench: Bench) -> None:
    bench.engine.send(submit("holds"))
    bench.engine.send(submit("aborts"))
    down = await bench.until(Down)
    assert down.jobs == ("holds", "aborts") and down.guilty is None
    assert "SIGABRT" in down.message


async def test_a_job_that_has_ended_is_not_lost_with_the_engine(bench: Bench) -> None:
    bench.engine.send(submit("one"))
    bench.engine.send(submit("holds"))
    bench.engine.send(Cancel("holds"))
    bench.engine.send(submit("exits"))
    down = await bench.until(Down)
    assert down.jobs == ("exits",) and "status 3" in down.message


async def test_after_the_pause_it_runs_again_and_serves(bench: Bench) -> None:
    pid = await bench.pid()
    os.kill(pid, signal.SIGKILL)
    down = await bench.until(Down)
    assert down.retry_in_s == 0.5 and gone(pid)
    bench.time.pass_by(0.5)
    await bench.until(Ready)
    bench.engine.send(submit("again"))
    assert (await bench.until(Ended)) == Ended("again", "stop")
    assert await bench.pid() != pid


async def test_a_submit_while_it_is_down_is_answered_and_other_commands_need_no_answer(bench: Bench) -> None:
    bench.engine.send(submit("exits"))
    await bench.until(Down)
    bench.engine.send(Cancel("exits"))
    bench.engine.send(submit("early"))
    ended = await bench.next()
    assert isinstance(ended, Ended)
    assert (ended.job, ended.reason, ended.code) == ("early", "failed", ErrorCode.MODEL_NOT_LOADED)


async def test_a_submit_while_it_loads_is_answered() -> None:
    bench = Bench("loads", Timeouts(close_s=0.01))
    await bench.until(Loading)
    bench.engine.send(submit("early"))
    assert (await bench.until(Ended)).code is ErrorCode.MODEL_NOT_LOADED
    await bench.engine.close()


async def test_nobody_waits_for_a_child_that_loads() -> None:
    """It hears of nothing while it loads: an owner who left then waited five seconds until it was killed."""
    bench = Bench("loads", Timeouts(close_s=3600))
    await bench.until(Loading)
    async with asyncio.timeout(60):
        await bench.engine.close()
    assert bench.engine.pid is None


async def test_a_second_life_loads_as_patiently_as_the_first(tmp_path: Path) -> None:
    once = tmp_path / "once"
    once.touch()
    bench = Bench(f"once:{once}", Timeouts(close_s=0.01))
    await bench.until(Ready)
    bench.engine.send(submit("proof"))
    await bench.until(Ended)
    bench.engine.send(submit("exits"))
    await bench.until(Down)
    bench.time.pass_by(0.5)
    await bench.until(Loading)
    bench.time.pass_by(100)
    await asyncio.sleep(0)  # the watch looks, and sleeps again
    bench.engine.send(submit("early"))
    assert (await bench.until(Ended)).code is ErrorCode.MODEL_NOT_LOADED
    await bench.engine.close()


@pytest.mark.parametrize("job", ["garbage", "huge"])
async def test_an_engine_that_writes_what_is_no_event_is_ended(bench: Bench, job: str) -> None:
    pid = await bench.pid()
    bench.engine.send(submit(job))
    down = await bench.until(Down)
    assert "no event" in down.message and down.jobs == (job,)
    assert gone(pid)


async def test_a_line_cut_by_the_crash_is_not_read(bench: Bench) -> None:
    bench.engine.send(submit("half"))
    assert (await bench.until(Down)).jobs == ("half",)


async def test_the_last_words_of_the_child_are_in_the_message(bench: Bench) -> None:
    bench.engine.send(submit("explains"))
    assert "no memory left on the card" in (await bench.until(Down)).message


async def test_silence_counts_as_a_hang_at_its_limit_and_not_before(bench: Bench) -> None:
    pid = await bench.pid()
    bench.engine.send(submit("hangs"))
    bench.time.pass_by(19.5)
    bench.engine.send(submit("waits"))  # the engine is still up for us
    bench.time.pass_by(0.5)
    down = await bench.until(Down)
    assert down.jobs == ("hangs", "waits") and "silent for 20 s" in down.message
    assert gone(pid)


async def test_loading_may_be_silent_for_longer() -> None:
    bench = Bench("loads", Timeouts(loading_s=300, close_s=0.01))
    await bench.until(Loading)
    for _ in range(14):
        bench.time.pass_by(20)
        await asyncio.sleep(0)  # the watch looks, and sleeps again
    bench.engine.send(submit("early"))
    assert isinstance(await bench.next(), Ended), "280 s of loading are no hang"
    bench.time.pass_by(20)
    assert "silent for 300 s" in (await bench.until(Down)).message
    await bench.engine.close()


@pytest.mark.parametrize(
    ("devices", "share", "patience_s"), [(("GPU",), 0.5, 600), (("GPU",), 0.001, 20), ((), 0.5, 20)]
)
async def test_an_engine_on_a_gpu_that_compiles_in_its_first_job_is_waited_for_and_one_that_hangs_is_not(
    devices: tuple[str, ...], share: float, patience_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`share`: of a processor that it has meanwhile."""
    bench = Bench(spec=replace(SPEC, devices=devices))
    await bench.until(Ready)
    began = bench.time.clock()
    monkeypatch.setattr(
        parent.ChildProcess, "processor_s", property(lambda child: share * (bench.time.clock() - began))
    )
    bench.engine.send(submit("hangs"))
    for _ in range(0, patience_s - 5, 5):
        bench.time.pass_by(5)
        for _ in range(3):
            await asyncio.sleep(0)  # the watch looks, and sleeps again
    assert bench.engine.pid is not None, "it is still waited for"
    for _ in range(5):
        bench.time.pass_by(5)
        for _ in range(3):
            await asyncio.sleep(0)
    down = await bench.until(Down)
    assert down.jobs == ("hangs",) and "silent for 20 s" in down.message
    await bench.engine.close()


async def test_the_fifth_crash_in_ten_minutes_is_the_last() -> None:
    bench = Bench()
    pauses = []
    for life in range(5):
        await bench.until(Ready)
        if life == 0:
            bench.engine.send(submit("proof"))
            await bench.until(Ended)
        bench.engine.send(submit("exits"))
        down = await bench.until(Down)
        pauses.append(down.retry_in_s)
        if down.retry_in_s is not None:
            bench.time.pass_by(down.retry_in_s)
    assert pauses == [0.5, 1, 2, 4, None] and down.problem == "" and "too many crashes" in down.message
    bench.engine.send(submit("late"))
    assert (await bench.until(Ended)).code is ErrorCode.MODEL_NOT_LOADED
    await bench.engine.close()
    assert await bench.rest() == []


async def test_an_engine_that_dies_in_its_warm_up_is_not_started_again_and_says_of_what() -> None:
    bench = Bench("faults")
    down = await bench.until(Down)
    assert (down.problem, down.retry_in_s, down.jobs) == ("engine_cannot_compute", None, ())
    assert "signal 11 (SIGSEGV)" in down.message and "tile configuration" in down.message
    assert "File" not in down.message, "no stack of the child in what the owner reads"
    await bench.engine.close()


@pytest.mark.parametrize(("manner", "said"), [("dazzled", "signal 11 (SIGSEGV)"), ("staring", "silent for 300 s")])
async def test_what_dies_of_its_projector_is_started_without_and_serves_text(manner: str, said: str) -> None:
    bench = Bench(manner, Timeouts(loading_s=300, close_s=0.01), replace(SPEC, projector="eyes.gguf"))
    while not (await bench.until(Loading)).eyes:
        pass
    if manner == "staring":
        for _ in range(15):
            bench.time.pass_by(20)
            await asyncio.sleep(0)
    told: list[Event] = []
    while not told or not isinstance(told[-1], Ready):
        told.append(await bench.next())
    ready = told.pop()
    assert isinstance(ready, Ready) and ready.image_ms is None
    assert said in ready.blind and "the projector was tried" in ready.blind
    assert all(isinstance(event, Loading) for event in told), "nobody is told that the engine was down"
    bench.engine.send(submit("proof"))
    await bench.until(Ended)
    bench.engine.send(submit("exits"))
    down = await bench.until(Down)
    assert down.retry_in_s == 0.5, "the death of the eyes was no crash of its own"
    bench.time.pass_by(0.5)
    assert (await bench.until(Ready)).blind == ready.blind
    await bench.engine.close()


async def test_an_engine_that_dies_of_its_first_job_is_the_machines_fault(bench: Bench) -> None:
    bench.engine.send(submit("segfaults"))
    down = await bench.until(Down)
    assert (down.problem, down.retry_in_s, down.jobs) == ("engine_cannot_compute", None, ("segfaults",))
    assert "signal 11 (SIGSEGV)" in down.message and "tile configuration" in down.message


async def test_a_real_build_that_dies_of_many_rows_dies_in_its_warm_up_and_before_any_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault as a compiler may leave it: the first prompt of several rows is an instruction that is none."""
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(planted(tmp_path / "lib", MANY_ROWS, CRASH)))
    model = str(proof.NUMBERS.with_suffix(".gguf"))
    engine = ProcessEngine(EngineSpec(model, slots=1, context=256, batch=64))
    async with asyncio.timeout(200):
        events = [event async for event in until_down(engine)]
    down = events[-1]
    assert isinstance(down, Down) and not any(isinstance(event, Ready) for event in events)
    assert (down.problem, down.retry_in_s) == ("engine_cannot_compute", None) and "signal 4 (SIGILL)" in down.message
    await engine.close()


async def until_down(engine: ProcessEngine) -> AsyncIterator[Event]:
    async for event in engine.events():
        yield event
        if isinstance(event, Down):
            return


async def test_an_engine_that_gave_a_token_in_an_earlier_life_is_started_again(bench: Bench) -> None:
    bench.engine.send(submit("proof"))
    await bench.until(Ended)
    for _ in range(2):
        bench.engine.send(submit("segfaults"))
        down = await bench.until(Down)
        assert down.problem == "" and down.retry_in_s is not None and "signal 11 (SIGSEGV)" in down.message
        bench.time.pass_by(down.retry_in_s)
        await bench.until(Ready)


async def test_an_engine_that_is_killed_while_it_has_nothing_to_do_is_started_again(bench: Bench) -> None:
    assert bench.engine.pid is not None
    os.kill(bench.engine.pid, signal.SIGKILL)
    assert (await bench.until(Down)).retry_in_s == 0.5


async def test_what_a_refused_load_says_of_itself_is_the_problem_and_no_crash() -> None:
    bench = Bench("refuses:gpu_unreachable")
    down = await bench.until(Down)
    assert (down.problem, down.retry_in_s) == ("gpu_unreachable", None) and "finds no GPU" in down.message
    await bench.engine.close()


async def test_a_load_that_fails_after_a_crash_is_not_tried_over_and_over(tmp_path: Path) -> None:
    """The owner's game took the memory meanwhile."""
    once = tmp_path / "once"
    once.touch()
    bench = Bench(f"once:{once}", Timeouts(close_s=0.01))
    await bench.until(Ready)
    bench.engine.send(submit("proof"))
    await bench.until(Ended)
    bench.engine.send(submit("exits"))
    assert (await bench.until(Down)).retry_in_s == 0.5
    bench.time.pass_by(0.5)
    await bench.until(Loading)
    assert bench.engine.pid is not None
    os.kill(bench.engine.pid, signal.SIGKILL)
    down = await bench.until(Down)
    assert (down.problem, down.retry_in_s) == ("engine_not_loaded", None)
    await bench.engine.close()


async def test_a_program_that_cannot_be_started_is_a_problem_and_not_an_exception() -> None:
    engine = ProcessEngine(SPEC, command=("/no/such/program",))
    down = await anext(engine.events())
    assert isinstance(down, Down) and "could not be started" in down.message and down.problem == "engine_not_loaded"
    await engine.close()


@pytest.mark.parametrize("job", ["garbage", "hangs"])
async def test_a_child_that_even_the_kernel_cannot_end_is_waited_for_with_a_bound(
    job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench("deaf", Timeouts(close_s=0.01))
    await bench.until(Ready)
    pid = await bench.pid()
    killed: list[parent.ChildProcess] = []
    monkeypatch.setattr(parent, "KILLED_S", 0.05)
    monkeypatch.setattr(
        parent.ChildProcess, "kill", lambda self: killed.append(self)
    )  # as a process in state D takes it
    try:
        bench.engine.send(submit(job))
        bench.time.pass_by(20)
        down = await bench.until(Down)
        assert (down.problem, down.retry_in_s, down.jobs) == ("driver_hangs", None, (job,))
        await bench.engine.close()
    finally:
        await reaped(pid, killed[0])


async def test_close_ends_the_child_and_the_events_and_names_what_still_ran(bench: Bench) -> None:
    pid = await bench.pid()
    bench.engine.send(submit("holds"))
    await bench.until(Stepped)
    await bench.engine.close()
    assert gone(pid)
    rest = await bench.rest()
    assert [(event.job, event.code) for event in rest if isinstance(event, Ended)] == [
        ("holds", ErrorCode.WORKER_DRAINING)
    ]
    assert not any(isinstance(event, Down) for event in rest)
    await bench.engine.close()  # twice is once


async def test_a_child_that_does_not_leave_is_killed() -> None:
    bench = Bench("deaf", Timeouts(close_s=0.01))
    await bench.until(Ready)
    pid = await bench.pid()
    await bench.engine.close()
    assert gone(pid)


async def test_who_does_not_wait_for_the_end_leaves_no_child() -> None:
    """As at a second signal."""
    bench = Bench("deaf", Timeouts(close_s=600))
    await bench.until(Ready)
    pid = await bench.pid()
    closing = asyncio.create_task(bench.engine.close())
    await asyncio.sleep(0.1)
    closing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await closing
    async with asyncio.timeout(60):
        await bench.engine.close()  # returns once the child is gone
    assert gone(pid)


async def test_close_between_two_lives_does_not_wait_for_the_next(bench: Bench) -> None:
    bench.engine.send(submit("killed"))
    await bench.until(Down)
    await bench.engine.close()
    assert await bench.rest() == []


async def test_close_without_a_reader_is_nothing() -> None:
    await ProcessEngine(SPEC, command=standin()).close()


async def test_closing_leaves_no_task_behind(bench: Bench) -> None:
    await bench.engine.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_reader_that_lags_gets_every_event_in_order(bench: Bench) -> None:
    prompt = tuple(range(3 * ROOM))
    bench.engine.send(submit("long", prompt))
    async with asyncio.timeout(60):
        while bench.engine._life and bench.engine._life.heard is not None:  # noqa: ASYNC110 - until it listens no more
            await asyncio.sleep(0)
    bench.time.pass_by(100)  # our own time is not held against the engine
    tokens = []
    while isinstance(event := await bench.next(), Stepped):
        tokens += [token.id for token in event.tokens]
    assert tuple(tokens) == prompt and event == Ended("long", "stop")


async def test_what_the_child_says_is_logged_and_a_flood_is_not(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="supernet.engine"):
        bench.engine.send(submit("shouts"))
        await bench.until(Ended)
        await bench.engine.close()
    lines = [record.message for record in caplog.records if record.message.startswith("line ")]
    assert 1 <= len(lines) < LOG_BURST * 2
    assert max(len(line) for line in lines) == LOG_CHARS


async def test_a_request_that_fits_no_line_is_refused_by_itself(bench: Bench) -> None:
    bench.engine.send(submit("wide", tuple(range(10**6, 10**6 + 5 * 10**6))))
    assert (await bench.until(Ended)).code is ErrorCode.INVALID_REQUEST
    bench.engine.send(submit("next"))
    assert await bench.until(Ended) == Ended("next", "stop")


async def test_pictures_without_end_go_through_when_each_waits_for_the_one_before(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parent, "UNREAD_BYTES", 1 << 21)  # a picture, and what was not read of the one before
    for number in range(8):
        await bench.engine.drained()
        bench.engine.send(Picture(str(number), 512, 512, bytes(3 * 512 * 512)))
    bench.engine.send(submit("behind them"))
    assert await bench.until(Ended) == Ended("behind them", "stop")
    await bench.engine.close()
    await bench.engine.drained()


DAEMON = """
import asyncio, sys
from tests.worker.engine.test_process import Bench
from worker.engine.port import Ready
async def main():
    bench = Bench("deaf")
    await bench.until(Ready)
    print(await bench.pid(), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG")
def test_the_child_dies_with_the_daemon_even_if_it_ignores_the_end_of_stdin() -> None:
    with subprocess.Popen([sys.executable, "-c", DAEMON], stdout=subprocess.PIPE, cwd=ROOT) as daemon:
        assert daemon.stdout is not None
        child = os.pidfd_open(int(daemon.stdout.readline()))
        daemon.kill()
        assert select.select([child], [], [], 60)[0], "the child lives on"
        os.close(child)
