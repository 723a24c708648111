"""The scripted engine keeps the promises of the port, and breaks exactly those that it is told to break."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

import pytest

from tests.fakes.manual_time import ManualTime
from wire.chat import Sampling
from wire.errors import ErrorCode
from worker.engine.port import (
    Cancel,
    Continue,
    Down,
    Ended,
    Event,
    Pause,
    Picture,
    Placed,
    Pulse,
    Ready,
    Stepped,
    Submit,
)
from worker.engine.scripted import WAITING, Faults, ScriptedEngine, words

E = TypeVar("E", bound=Event)
PROMPT = (1, 2, 3)


def submit(job: str = "j", max_tokens: int = 1000, delivered: bytes = b"", seed: int = 0, **more: object) -> Submit:
    sampling = Sampling.model_validate({"top_logprobs": more.pop("top_logprobs", None)})
    return Submit(job, PROMPT, max_tokens, sampling, seed, tuple(delivered), **more)  # type: ignore[arg-type]


class Bench:
    def __init__(self, slots: int = 4, context: int = 4096, read_s: float = 0.0) -> None:
        self.time = ManualTime()
        self.engine = ScriptedEngine(
            slots, context, clock=self.time.clock, pace_s=1.0, read_s=read_s, sleep=self._sleep
        )
        self._events = self.engine.events()
        self.manual = False

    async def _sleep(self, seconds: float) -> None:
        """Time flies, unless the test wants to move it."""
        if self.manual:
            await self.time.sleep(seconds)
        else:
            self.time.now += seconds
            await asyncio.sleep(0)

    async def next(self) -> Event:
        """The next event that is no pulse."""
        async with asyncio.timeout(60):
            while isinstance(event := await anext(self._events), Pulse):
                pass
        return event

    async def until(self, kind: type[E]) -> E:
        while not isinstance(event := await self.next(), kind):
            pass
        return event

    async def answers(self, *jobs: Submit) -> dict[str, tuple[bytes, Ended]]:
        """Submit, and read until all have ended."""
        for job in jobs:
            self.engine.send(job)
        texts = {job.job: b"" for job in jobs}
        ends: dict[str, tuple[bytes, Ended]] = {}
        while len(ends) < len(jobs):
            match await self.next():
                case Stepped(tokens):
                    for token in tokens:
                        assert token.job not in ends, "a token after the end"
                        texts[token.job] += token.piece
                case Ended() as ended:
                    assert ended.job not in ends, "two ends"
                    ends[ended.job] = (texts[ended.job], ended)
        return ends


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    bench = Bench()
    assert await bench.next() == Ready(4, 4096, 256)
    yield bench
    await bench.engine.close()


async def test_an_answer_is_decided_by_prompt_and_seed(bench: Bench) -> None:
    ends = await bench.answers(submit("a"), submit("b"), submit("c", seed=1))
    assert ends["a"][0] == ends["b"][0] == words(PROMPT, 0) != ends["c"][0]
    assert ends["a"][1].reason == "stop"
    assert ends["a"][1].usage.completion == len(words(PROMPT, 0))


@pytest.mark.parametrize("cut", [0, 1, 17, 1000])
async def test_a_continued_job_goes_on_exactly_where_it_was(bench: Bench, cut: int) -> None:
    whole = words(PROMPT, 0)
    text, ended = (await bench.answers(submit(delivered=whole[:cut])))["j"]
    assert whole[:cut] + text == whole
    assert ended.usage.completion == len(text), "delivered tokens are not emitted again"


async def test_max_tokens_counts_what_was_delivered(bench: Bench) -> None:
    whole = words(PROMPT, 0)
    text, ended = (await bench.answers(submit(max_tokens=20, delivered=whole[:15])))["j"]
    assert text == whole[15:20] and ended.reason == "length"


async def test_the_context_is_an_end_too() -> None:
    bench = Bench(context=10)
    await bench.until(Ready)
    text, ended = (await bench.answers(submit()))["j"]
    assert len(text) == 10 - len(PROMPT) and ended.reason == "length"
    full = await bench.answers(submit("full", delivered=b"1234567"))
    assert full["full"][0] == b"" and full["full"][1].reason == "length"
    await bench.engine.close()


async def test_a_prompt_that_leaves_no_token_is_refused() -> None:
    bench = Bench(context=len(PROMPT))
    await bench.until(Ready)
    assert (await bench.answers(submit()))["j"][1].code is ErrorCode.CONTEXT_LENGTH_EXCEEDED
    await bench.engine.close()


async def test_ignoring_the_end_goes_on_until_max_tokens(bench: Bench) -> None:
    text, ended = (await bench.answers(submit(max_tokens=1000, ignore_eos=True)))["j"]
    assert len(text) == 1000 and ended.reason == "length" and text.startswith(words(PROMPT, 0))


async def test_logprobs_come_when_they_are_wanted(bench: Bench) -> None:
    bench.engine.send(submit(top_logprobs=1))
    token = (await bench.until(Stepped)).tokens[0]
    assert token.logprob == 0.0 and token.top == ((token.piece, 0.0),)
    await bench.until(Ended)
    bench.engine.send(submit())
    token = (await bench.until(Stepped)).tokens[0]
    assert token.logprob is None and token.top == ()


async def test_one_step_carries_a_token_of_every_job_in_a_slot() -> None:
    bench = Bench(slots=2)
    await bench.until(Ready)
    for job in ("a", "b", "c"):
        bench.engine.send(submit(job, max_tokens=2))
    seen = []
    for _ in range(7):
        match await bench.next():
            case Stepped(tokens):
                seen.append("".join(token.job for token in tokens))
            case Ended(job):
                seen.append(f"{job}.")
    assert seen == ["ab", "ab", "a.", "b.", "c", "c", "c."]
    await bench.engine.close()


async def test_prompts_are_read_one_after_the_other() -> None:
    bench = Bench(slots=2, read_s=1.0)
    await bench.until(Ready)
    bench.engine.send(submit("a", max_tokens=5))
    bench.engine.send(submit("b", max_tokens=5))
    begun = bench.time.now
    first: dict[str, float] = {}
    while len(first) < 2:
        for token in (await bench.until(Stepped)).tokens:
            first.setdefault(token.job, bench.time.now - begun)
    assert first["a"] >= len(PROMPT) and first["b"] - first["a"] == len(PROMPT)
    await bench.engine.close()


async def test_a_job_whose_prompt_is_being_read_can_be_cancelled() -> None:
    bench = Bench(slots=1, read_s=1000.0)
    await bench.until(Ready)
    bench.engine.send(submit("reads"))
    bench.engine.send(Cancel("reads"))
    ended = await bench.until(Ended)
    assert (ended.reason, ended.usage.completion) == ("cancelled", 0)
    await bench.engine.close()


async def test_a_cancel_ends_a_running_and_a_waiting_job() -> None:
    bench = Bench(slots=1)
    await bench.until(Ready)
    bench.engine.send(submit("runs"))
    bench.engine.send(submit("waits"))
    await bench.until(Stepped)
    bench.engine.send(Cancel("waits"))
    assert (await bench.until(Ended)).job == "waits"
    bench.engine.send(Cancel("runs"))
    ended = await bench.until(Ended)
    assert ended.job == "runs" and ended.reason == "cancelled" and ended.usage.completion > 0
    bench.engine.send(Cancel("runs"))  # its end has been said
    bench.engine.send(submit("next"))
    assert (await bench.until(Ended)).job == "next"
    await bench.engine.close()


async def test_a_paused_job_gets_nothing_and_then_the_rest(bench: Bench) -> None:
    bench.engine.send(submit("p"))
    bench.engine.send(Pause("p"))
    others = await bench.answers(submit("other"))
    assert others["other"][1].reason == "stop"
    bench.engine.send(Continue("p"))
    text = b""
    while isinstance(event := await bench.next(), Stepped):
        text += event.tokens[0].piece
    assert text == words(PROMPT, 0)
    assert isinstance(event, Ended) and event.reason == "stop"


async def test_a_paused_job_can_be_cancelled(bench: Bench) -> None:
    bench.engine.send(submit("p"))
    bench.engine.send(Pause("p"))
    bench.engine.send(Cancel("p"))
    assert (await bench.until(Ended)).reason == "cancelled"


async def test_an_idle_engine_pulses(bench: Bench) -> None:
    events = bench.engine.events()
    async with asyncio.timeout(60):
        for _ in range(3):
            assert isinstance(await anext(events), Pulse)


async def test_a_crash_by_the_script_takes_its_jobs_and_comes_back(bench: Bench) -> None:
    bench.engine.faults = Faults(crash_after=5, retry_in_s=0.5)
    bench.engine.send(submit("a"))
    tokens = 0
    while isinstance(event := await bench.next(), Stepped):
        tokens += len(event.tokens)
    assert isinstance(event, Down) and tokens == 5
    assert event.jobs == ("a",) and event.guilty == "a" and event.retry_in_s == 0.5
    assert isinstance(await bench.next(), Ready)
    assert (await bench.answers(submit("b")))["b"][1].reason == "stop", "it crashes once"


async def test_while_it_is_down_it_refuses(bench: Bench) -> None:
    bench.engine.faults = Faults(crash_after=0, retry_in_s=None)
    assert (await bench.until(Down)).retry_in_s is None
    bench.engine.send(submit())
    assert (await bench.until(Ended)).code is ErrorCode.MODEL_NOT_LOADED


async def test_a_hang_is_silent_until_the_supervisor_would_end_it(bench: Bench) -> None:
    bench.engine.send(submit("a"))
    await bench.until(Stepped)
    bench.manual = True
    bench.engine.faults = Faults(hang_after=0)
    async with asyncio.timeout(60):
        await bench.time.until_asleep(20)
    before = bench.time.now
    bench.time.pass_by(20)
    down = await bench.until(Down)
    assert down.jobs == ("a",) and bench.time.now == before + 20


async def test_an_ignored_cancel_keeps_the_slot(bench: Bench) -> None:
    bench.engine.faults = Faults(ignore_cancel=True)
    bench.engine.send(submit())
    await bench.until(Stepped)
    bench.engine.send(Cancel("j"))
    assert (await bench.until(Ended)).reason == "stop"


async def test_refusals_are_ends(bench: Bench) -> None:
    bench.engine.faults = Faults(refuse=ErrorCode.WORKER_BUSY)
    bench.engine.send(submit())
    assert (await bench.until(Ended)).code is ErrorCode.WORKER_BUSY


async def test_a_picture_has_to_come_before_the_job_that_names_it(bench: Bench) -> None:
    sees = submit(pictures=(Placed(0, 1, 1, "cat"),))
    bench.engine.send(sees)
    assert (await bench.until(Ended)).code is ErrorCode.WORKER_BUSY
    bench.engine.send(Picture("cat", 32, 32, bytes(3 * 32 * 32)))
    bench.engine.send(sees)
    assert (await bench.until(Ended)).reason == "stop"


async def test_the_queue_behind_the_slots_is_bounded(bench: Bench) -> None:
    for number in range(WAITING + 1):
        bench.engine.send(submit(str(number)))
    ended = await bench.until(Ended)
    assert (ended.job, ended.code) == (str(WAITING), ErrorCode.WORKER_BUSY)


async def test_close_ends_the_jobs_the_events_and_the_task(bench: Bench) -> None:
    bench.engine.send(submit())
    await bench.until(Stepped)
    await bench.engine.close()
    assert (await bench.until(Ended)).code is ErrorCode.WORKER_DRAINING
    with pytest.raises(StopAsyncIteration):
        await bench.next()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_hundred_engines_share_one_loop() -> None:
    async def serve() -> bytes:
        engine = ScriptedEngine(4, 4096)
        text = b""
        async for event in engine.events():
            match event:
                case Ready():
                    for job in "abcd":
                        engine.send(submit(job))
                case Stepped(tokens):
                    text += b"".join(token.piece for token in tokens if token.job == "a")
                case Ended(job="a"):
                    break
        await engine.close()
        return text

    assert set(await asyncio.gather(*(serve() for _ in range(100)))) == {words(PROMPT, 0)}
