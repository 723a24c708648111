"""How the loop paces prompts on machines that are not here: a GPU computes while llama_decode has returned."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.engine.child.made_up import DRAW_S, SUBMIT_S, MadeUpEngine, Seconds
from wire.chat import Sampling
from worker.engine.port import Cancel, Submit

GREEDY = Sampling(temperature=0)


def h200(rows: int, depth: int) -> float:
    """Attention only."""
    return 0.008 + rows * (0.000_03 + depth * 2.5e-9)


def rtx3090(rows: int, depth: int) -> float:
    return 0.02 + rows * (0.000_16 + depth * 1.2e-8)


def experts_in_main_memory(rows: int, depth: int) -> float:
    """12 GB: from 32 rows on 11 GiB of experts are copied to the GPU."""
    return 0.05 + (rows * 0.008 if rows < 32 else 1.2 + rows * 0.0004)


def ask(job: str, tokens: int, most: int, first: int = 0) -> Submit:
    prompt = tuple((first + 7 * i) % 250 for i in range(tokens))
    return Submit(job, prompt, most, GREEDY, seed=1, ignore_eos=True)


@pytest.fixture
def made_up(tiny_qwen3: Path) -> Iterator[Callable[..., MadeUpEngine]]:
    opened = []

    def make(seconds: Seconds, **more: Any) -> MadeUpEngine:
        opened.append(MadeUpEngine(str(tiny_qwen3), seconds, **more))
        return opened[-1]

    yield make
    for engine in opened:
        engine.loop.close()


def whole_batches(seconds: Seconds, tokens: int, batch: int) -> float:
    """What a prompt takes if each step is as full as it may be."""
    ends = [*range(batch, tokens, batch), tokens]
    return sum(seconds(end - begin, end) + SUBMIT_S + DRAW_S for begin, end in zip([0, *ends], ends, strict=False))


@pytest.mark.parametrize("seconds", [h200, rtx3090])
@pytest.mark.parametrize("tokens", [32_000, 120_000])
def test_a_lone_prompt_is_read_as_quickly_as_a_gpu_can(
    made_up: Callable[..., MadeUpEngine], seconds: Seconds, tokens: int
) -> None:
    engine = made_up(seconds)
    engine.run(ask("short", 300, 2, first=3), until="short")
    took = engine.run(ask("long", tokens, 1), until="long")
    assert took < 1.1 * whole_batches(seconds, tokens, 512)


@pytest.mark.parametrize("seconds", [h200, rtx3090])
def test_in_company_a_prompt_stalls_no_stream(made_up: Callable[..., MadeUpEngine], seconds: Seconds) -> None:
    """The limit is set where whole batches of a deep prompt are too long for it on the slower of the two."""
    engine = made_up(seconds, longest_stall_ms=200)
    streams = [ask(f"s{i}", 20 + i, 5000, first=i) for i in range(4)]
    engine.run(*streams, ask("short", 10, 20, first=9), until="short")
    since = engine.model.now
    took = engine.run(ask("long", 32_000, 1), until="long")
    assert max(engine.gaps("s0", since)) <= 0.2
    assert took < 1.5 * whole_batches(seconds, 32_000, 512)


def test_two_prompts_at_once_on_a_fresh_engine_are_read_in_whole_batches(
    made_up: Callable[..., MadeUpEngine],
) -> None:
    engine = made_up(h200)
    took = engine.run(ask("one", 16_000, 1), ask("two", 16_000, 1, first=5), until="two")
    assert took < 1.1 * 2 * whole_batches(h200, 16_000, 512)


def test_where_weights_are_copied_for_a_batch_it_is_whole_or_too_small_for_that(
    made_up: Callable[..., MadeUpEngine],
) -> None:
    engine = made_up(experts_in_main_memory, asynchronous=False, copies_from=32)
    took = engine.run(ask("long", 8000, 1), until="long")
    assert took < 1.1 * whole_batches(experts_in_main_memory, 8000, 512)
    engine.run(ask("stream", 20, 5000), ask("other", 10, 20, first=9), until="other")
    since = engine.model.now
    engine.run(ask("late", 3000, 1, first=11), until="late")
    assert max(engine.gaps("stream", since)) <= 0.5
    assert {rows for rows, _ in engine.model.decodes[-50:]} <= {*range(1, 34)}


def test_a_pause_between_two_jobs_is_no_step(made_up: Callable[..., MadeUpEngine]) -> None:
    """The first leaves while its prompt is read; minutes later the next comes."""
    engine = made_up(h200)
    engine.loop.post(ask("left", 8000, 1))
    for _ in range(3):
        engine.loop.step()
    engine.loop.post(Cancel("left"))
    engine.loop.step()
    engine.model.now += 600.0
    took = engine.run(ask("long", 32_000, 1, first=5), until="long")
    assert took < 1.1 * whole_batches(h200, 32_000, 512)
