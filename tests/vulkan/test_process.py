"""The engine's process on a GPU: answers, leaves, goes on, dies, and finds its GPU gone."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import pytest

from tests.vulkan.offloaded import GPU
from wire.chat import Sampling
from worker.engine.port import Cancel, Down, Ended, EngineSpec, Event, Pulse, Ready, Stepped, Submit
from worker.engine.process import ProcessEngine

GREEDY = Sampling(temperature=0)
PROMPT = tuple(range(100))
PATIENCE_S = 240.0  # kernels are compiled at their first use

E = TypeVar("E", bound=Event)


class Bench:
    def __init__(self, spec: EngineSpec) -> None:
        self.engine = ProcessEngine(spec)
        self._events = self.engine.events()

    async def until(self, kind: type[E]) -> E:
        async with asyncio.timeout(PATIENCE_S):
            while not isinstance(event := await anext(self._events), kind):
                pass
            return event

    async def answer(self, job: str, prompt: tuple[int, ...], most: int = 8) -> tuple[list[int], Ended]:
        self.engine.send(Submit(job, prompt, most, GREEDY, seed=1, anchors=(len(prompt),), ignore_eos=True))
        tokens = list[int]()
        async with asyncio.timeout(PATIENCE_S):
            async for event in self._events:
                if isinstance(event, Stepped):
                    tokens += [token.id for token in event.tokens if token.job == job]
                elif isinstance(event, Ended) and event.job == job:
                    return tokens, event
        raise AssertionError("the engine ended")


def spec_of(path: Path) -> EngineSpec:
    return EngineSpec(str(path), slots=2, anchors=2, context=2048, batch=64, gpu_layers=-1, devices=(GPU,))


@pytest.fixture(params=["dense", "hybrid"])
async def bench(request: pytest.FixtureRequest, tiny_qwen3: Path, tiny_qwen35: Path) -> AsyncIterator[Bench]:
    bench = Bench(spec_of(tiny_qwen3 if request.param == "dense" else tiny_qwen35))
    await bench.until(Ready)
    yield bench
    await bench.engine.close()


async def test_it_answers_as_the_cpu_goes_on_where_it_was_and_can_be_left(bench: Bench) -> None:
    first, _ = await bench.answer("first", PROMPT)
    on_the_cpu = Bench(replace(bench.engine._spec, gpu_layers=0, devices=()))
    await on_the_cpu.until(Ready)
    assert (await on_the_cpu.answer("first", PROMPT))[0] == first
    await on_the_cpu.engine.close()

    turn = (*PROMPT, *first[:-1], *range(200, 230))
    fresh, _ = await bench.answer("fresh", (9, *turn[1:]))  # another beginning: nothing of it is known
    again, ended = await bench.answer("again", turn)
    assert ended.usage.cached >= len(PROMPT) and len(again) == len(fresh) == 8
    assert (await bench.answer("whole", turn))[0] == again, "from a kept prefix or not: the same"

    long = Submit("left", tuple(i % 500 for i in range(1900)), 8, GREEDY, seed=1)
    bench.engine.send(long)
    await bench.until(Pulse)  # it is being read
    bench.engine.send(Cancel("left"))
    assert (await bench.until(Ended)).reason == "cancelled"
    assert (await bench.answer("next", PROMPT))[0] == first


async def test_a_gpu_that_is_gone_when_the_engine_starts_again_is_told_and_never_the_cpu(
    tiny_qwen3: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a driver's update or a suspend: llama.cpp finds no device any more, and would load it all on the CPU."""
    bench = Bench(spec_of(tiny_qwen3))
    await bench.until(Ready)
    expected, _ = await bench.answer("before", PROMPT)
    monkeypatch.delenv("GGML_VK_VISIBLE_DEVICES")
    assert bench.engine.pid is not None
    os.kill(bench.engine.pid, signal.SIGKILL)
    down = await bench.until(Down)
    while "SIGKILL" in down.message:
        down = await bench.until(Down)  # a Ready between them would have been jobs for the CPU
    assert f"finds no GPU {GPU}" in down.message
    await bench.engine.close()

    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0")
    back = Bench(spec_of(tiny_qwen3))
    await back.until(Ready)
    assert (await back.answer("after", PROMPT))[0] == expected
    await back.engine.close()
