"""The real thing end to end: llama.cpp in its child process, behind the supervisor, on a tiny model."""

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.worker.bindings.pictures import picture
from wire.chat import Sampling
from wire.errors import ErrorCode
from worker.engine.child.__main__ import Progress, read_commands
from worker.engine.pipe import FROM_ENGINE, TO_ENGINE
from worker.engine.port import Cancel, Down, Ended, EngineSpec, Event, Loading, Placed, Pulse, Ready, Stepped, Submit
from worker.engine.process import CHILD, ProcessEngine
from worker.subprocesses.environment import ROOT

E = TypeVar("E", bound=Event)
GREEDY = Sampling.model_validate({"temperature": 0.0})
ENDLESS = 4000


def spec(path: Path) -> EngineSpec:
    return EngineSpec(str(path), slots=2, context=4096)


def submit(job: str, tokens: int, delivered: tuple[int, ...] = ()) -> Submit:
    return Submit(job, tuple(range(40, 60)), tokens, GREEDY, 1, delivered, ignore_eos=True)


class Bench:
    def __init__(self, model: Path | EngineSpec) -> None:
        self.engine = ProcessEngine(spec(model) if isinstance(model, Path) else model)
        self._events = self.engine.events()

    async def next(self) -> Event:
        async with asyncio.timeout(120):
            while isinstance(event := await anext(self._events), Pulse):
                pass
        return event

    async def until(self, kind: type[E]) -> E:
        while not isinstance(event := await self.next(), kind):
            assert not isinstance(event, Down), event.message
        return event

    async def until_down(self) -> Down:
        while not isinstance(event := await self.next(), Down):
            assert isinstance(event, Loading)
        return event

    async def answer(self, job: Submit) -> tuple[list[int], Ended]:
        self.engine.send(job)
        tokens: list[int] = []
        while isinstance(event := await self.next(), Stepped):
            tokens += [token.id for token in event.tokens if token.job == job.job]
        assert isinstance(event, Ended), event
        return tokens, event

    def pid(self) -> int:
        assert self.engine._child is not None
        return self.engine._child.pid


@pytest.fixture
async def bench(tiny_qwen3: Path) -> AsyncIterator[Bench]:
    bench = Bench(tiny_qwen3)
    await bench.until(Ready)
    yield bench
    await bench.engine.close()


async def test_a_model_loads_says_how_far_it_is_and_answers(tiny_qwen3: Path) -> None:
    bench = Bench(tiny_qwen3)
    assert isinstance(await bench.next(), Loading)
    ready = await bench.until(Ready)
    assert ready.slots == 2 and ready.context == 4096 and ready.vocab > 256
    tokens, ended = await bench.answer(submit("a", 20))
    assert len(tokens) == 20 and ended.reason == "length" and ended.usage.completion == 20
    rest, _ = await bench.answer(submit("b", 20, tuple(tokens[:7])))
    assert rest == tokens[7:], "a job that moves here goes on where it was"
    await bench.engine.close()


async def test_a_model_with_eyes_answers_about_a_picture_and_serves_text_if_they_are_none(
    tiny_qwen35: Path, tiny_eyes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_eyes.parent)
    seeing = replace(spec(tiny_qwen35), projector=tiny_eyes.name, image_tokens=64)
    bench = Bench(seeing)
    ready = await bench.until(Ready)
    assert ready.image_ms and ready.blind == ""
    shown = picture(1, 8, 6)
    prompt = replace(submit("a", 5), prompt=(40,) * 60, pictures=(Placed(5, 8, 6, shown.id),))
    bench.engine.send(shown)
    tokens, ended = await bench.answer(prompt)
    assert len(tokens) == 5 and ended.usage.prompt == 60
    _, ended = await bench.answer(replace(prompt, job="b", pictures=(Placed(5, 8, 6, "another"),)))
    assert (ended.reason, ended.code) == ("failed", ErrorCode.WORKER_BUSY)
    await bench.engine.close()
    blind = Bench(replace(seeing, projector=str(tiny_qwen35)))
    ready = await blind.until(Ready)
    assert ready.image_ms is None and "is no projector for pictures" in ready.blind
    assert (await blind.answer(submit("c", 5)))[1].reason == "length"
    await blind.engine.close()


async def test_a_cancel_ends_a_long_answer_and_the_slot_serves_again(bench: Bench) -> None:
    bench.engine.send(submit("long", ENDLESS))
    await bench.until(Stepped)
    bench.engine.send(Cancel("long"))
    ended = await bench.until(Ended)
    assert ended.job == "long" and ended.reason == "cancelled" and ended.usage.completion < ENDLESS
    tokens, _ = await bench.answer(submit("next", 5))
    assert len(tokens) == 5


async def test_after_a_kill_it_is_down_restarted_and_gives_the_same_answer(bench: Bench) -> None:
    expected, _ = await bench.answer(submit("before", 30))
    bench.engine.send(submit("lost", ENDLESS))
    await bench.until(Stepped)
    os.kill(bench.pid(), signal.SIGKILL)
    while not isinstance(event := await bench.next(), Down):
        assert isinstance(event, Stepped)
    assert event.jobs == ("lost",) and event.guilty == "lost" and event.retry_in_s == 0.5
    await bench.until(Ready)
    assert (await bench.answer(submit("after", 30)))[0] == expected


async def test_a_model_that_cannot_be_loaded_says_why(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + b"\xff" * 1000)
    bench = Bench(path)
    down = await bench.next()
    assert isinstance(down, Down) and "broken.gguf" in down.message
    bench.engine.send(submit("early", 5))
    assert (await bench.until(Ended)).code is ErrorCode.MODEL_NOT_LOADED
    await bench.engine.close()


@pytest.mark.parametrize("busy", [False, True])
def test_the_end_of_stdin_ends_the_child_in_peace_even_in_the_middle_of_an_answer(tiny_qwen3: Path, busy: bool) -> None:
    with subprocess.Popen(CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as child:
        assert child.stdin is not None and child.stdout is not None
        child.stdin.write(TO_ENGINE.encode(spec(tiny_qwen3)))
        child.stdin.flush()
        while not isinstance(FROM_ENGINE.decode(child.stdout.readline()), Ready):
            pass
        if busy:
            child.stdin.write(TO_ENGINE.encode(submit("a", ENDLESS)))
            child.stdin.flush()
            while not isinstance(FROM_ENGINE.decode(child.stdout.readline()), Stepped):
                pass
        child.stdin.close()
        rest = [FROM_ENGINE.decode(line) for line in child.stdout]
        assert child.wait(60) == 0
        assert not any(isinstance(event, Down) for event in rest)


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM])
async def test_signals_to_the_whole_group_leave_the_child_to_the_daemon(bench: Bench, signal_: signal.Signals) -> None:
    os.kill(bench.pid(), signal_)
    assert len((await bench.answer(submit("a", 5)))[0]) == 5


def test_a_first_line_that_is_no_spec_is_an_error() -> None:
    child = subprocess.run(CHILD, input=b"hello\n", capture_output=True, timeout=120, cwd=ROOT, check=False)
    assert child.returncode == 1
    last = FROM_ENGINE.decode(child.stdout)
    assert isinstance(last, Down) and "Garbled" in last.message


def test_no_foreign_library_is_loaded_before_the_pipe_is_private() -> None:
    code = (
        "import sys, worker.engine.child; print([m for m in ('llama_cpp', 'numpy', 'llguidance') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=True).stdout == b"[]\n"


class Ears:
    """A pipe with one command in it, and a loop that is only told to stop."""

    stopped = False

    def read(self, limit: int) -> bytes:
        return TO_ENGINE.encode(Cancel("a"))

    def post(self, command: object) -> None:
        raise MemoryError

    def stop(self) -> None:
        self.stopped = True


def test_an_engine_that_cannot_read_its_commands_any_more_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    ears, left = Ears(), list[int]()
    monkeypatch.setattr("worker.engine.child.__main__.leave", left.append)
    monkeypatch.setattr("worker.engine.child.__main__.LEAVE_S", 0.0)
    read_commands(ears, ears)  # type: ignore[arg-type]
    assert ears.stopped and left == [1]


def told(computed_s: float) -> list[Event]:
    """What is heard in some moments of a load that says nothing by itself, by a process that computes so much."""
    events: list[Event] = []
    computed = itertools.count(0.0, computed_s)
    progress = Progress(events.append, lambda: next(computed))
    progress(0.5)
    with progress.alive(every_s=0.01, most_s=0.03):
        time.sleep(0.3)
    return events


def test_a_driver_that_compiles_kernels_is_heard_of_for_a_while() -> None:
    assert told(computed_s=0.01) == [Loading(0.5)] * 4, "once by itself, and three times in as long as it may take"


def test_a_process_that_hangs_is_not_said_to_load() -> None:
    assert told(computed_s=0.0) == [Loading(0.5)]
