"""An answer is the same whatever was guessed of it, and however much: token for token, with everything a job can ask.

Random jobs run in groups in two engines, one of which gets guesses that are right, wrong or half right, of any length.
The logits of both are those of `Mirrored`: they depend on the tokens alone, so nothing but the engine can make a
difference. SUPERNET_DRAFTS=12000 tries as many jobs.
"""

import os
import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.thoroughness import ALL
from tests.worker.engine.child.driver import TIMES, Driven
from wire.chat import Sampling
from worker.engine.child.drafts.drafts import Drafts, Stream
from worker.engine.child.job import Job
from worker.engine.child.prefix_cache import Prefixes
from worker.engine.constraint import Constraint, ReasoningLimit
from worker.engine.port import Cancel, Continue, Pause, Submit

ROLLBACK, DRAFT_ROWS = 3, 48
JOBS = int(os.environ.get("SUPERNET_DRAFTS", "3000" if ALL else "192"))  # 12,000 take 16 minutes on one busy core
GROUP = 4
LAYOUTS = (
    "dense shared",
    "dense separate",
    "hybrid shared",
    "hybrid separate",
    "foreseeing shared",
    "foreseeing separate",
)
CALL = Constraint('start: "{\\"name\\": \\"get_weather\\", \\"arguments\\": {\\"days\\": " /[0-9]{1,12}/ "}}"')


@pytest.fixture(autouse=True)
def _close() -> Iterator[None]:
    yield
    while Driven.opened:
        Driven.opened.pop().close()


@pytest.fixture
def models(tiny_qwen3: Path, tiny_qwen35: Path, tiny_mtp: Path) -> dict[str, Path]:
    return {"dense": tiny_qwen3, "hybrid": tiny_qwen35, "foreseeing": tiny_mtp}


def opened(layout: str, models: Mapping[str, Path], draft_rows: int, **more: Any) -> Driven:
    kind, caches = layout.split()
    times = replace(TIMES, passes=((1, 1.0), (33, 2.0)))
    spec = {"unified": caches == "shared", "draft_rows": draft_rows, "rollback": ROLLBACK if draft_rows else 0} | more
    spec["head"] = kind == "foreseeing" and draft_rows > 0
    return Driven(models[kind], times=times, **spec)


class Guessing:
    """In place of `Drafts.choose`: some guesses for some streams, out of the answers that are known to come. A model's
    head guesses too, for the same streams, and what it guesses is not looked at."""

    def __init__(self, answers: Mapping[str, list[int]], seed: int) -> None:
        self._answers, self._draw = answers, random.Random(seed)

    def __call__(self, drafts: Drafts, streams: Mapping[int, Stream]) -> dict[int, tuple[int, ...]]:
        chosen: dict[int, tuple[int, ...]] = {}
        even = self._draw.randint(1, ROLLBACK if self._draw.random() < 0.3 else DRAFT_ROWS // len(streams))
        for seq, job in streams.items():
            assert isinstance(job, Job)
            most = min(job.most_guesses, DRAFT_ROWS // len(streams))
            count = even if drafts.even else self._draw.randint(0, max(0, most))
            if 0 < count <= most and self._draw.random() < 0.8:
                chosen[seq] = self._guess(self._answers[job.submit.job][job.answered :], count)
        if drafts._foresight and chosen:
            foreseen = min(even, ROLLBACK)
            found = drafts._foresight.guess({seq: streams[seq].tokens[-1] for seq in chosen}, foreseen)
            assert {seq: len(guess) for seq, guess in found.items()} == dict.fromkeys(chosen, foreseen)
        return chosen

    def _guess(self, ahead: list[int], count: int) -> tuple[int, ...]:
        right = count if self._draw.random() < 0.5 else self._draw.randint(0, count)
        found = ahead[:right]
        return tuple(found + [self._draw.randrange(250) for _ in range(count - len(found))])


def some_job(draw: random.Random, name: str, special: Mapping[str, int]) -> Submit:
    """Any job: prompts that others begin with too, every way to sample, grammars, thoughts, ends of turn."""
    shared = random.Random(draw.randrange(4))
    prompt = [shared.randrange(250) for _ in range(draw.choice((20, 60)))]
    prompt += [draw.randrange(250) for _ in range(draw.randint(1, 30))]
    sampling = Sampling(
        temperature=draw.choice((0, 0.7, 1, 2)),
        top_p=draw.choice((1, 0.9)),
        top_k=draw.choice((0, 5, 40)),
        presence_penalty=draw.choice((0, 0.5)),
        frequency_penalty=draw.choice((0, 0.3)),
        repetition_penalty=draw.choice((1, 1.2)),
        top_logprobs=draw.choice((None, None, 0, 3)),
        logit_bias=draw.choice(((), ((draw.randrange(250), 5.0), (draw.randrange(250), -100.0)))),
    )
    close = (special["</think>"], 10)
    thought = ReasoningLimit(draw.randint(0, 9), special["<think>"], special["</think>"], close, opened=True)
    reasoning = draw.choice((None, None, thought, replace(thought, budget=None, opened=False)))
    after = special["</think>"] if reasoning is thought else None
    constraint = draw.choice((None, None, replace(CALL, after=after)))
    return Submit(
        name, tuple(prompt), draw.randint(1, 40), sampling, seed=draw.randrange(2**32),
        anchors=(20,), constraint=constraint, reasoning=reasoning, ignore_eos=draw.random() < 0.7,
    )  # fmt: skip


def told(engine: Driven, job: str) -> tuple[object, ...]:
    ended = engine.ended(job)
    assert ended
    tokens = [(token.id, token.piece, token.logprob, token.top) for token in engine.tokens(job)]
    return tokens, ended.reason, ended.code, ended.usage.completion


def disturb(engine: Driven, draw: random.Random, jobs: list[Submit]) -> set[str]:
    """Step until all jobs have ended, and cancel or pause some meanwhile; returns those that were cancelled."""
    cancelled = set()
    for _ in range(draw.randint(0, 12)):
        engine.step()
        one = draw.choice(jobs).job
        if draw.random() < 0.1:
            engine.post(Cancel(one))
            cancelled.add(one)
        elif draw.random() < 0.2:
            engine.post(Pause(one))
            engine.step(draw.randint(1, 3))
            engine.post(Continue(one))
    engine.until(*(job.job for job in jobs))
    return cancelled


@pytest.mark.parametrize("layout", LAYOUTS)
def test_guesses_change_no_answer(layout: str, models: Mapping[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    plain = opened(layout, models, 0)
    drafting = opened(layout, models, DRAFT_ROWS, anchors=2)
    answers: dict[str, list[int]] = {}
    went_back: list[int] = []
    shrink = Prefixes.shrink

    def shrunk(prefixes: Prefixes, seq: int, length: int) -> None:
        went_back.append(length)
        shrink(prefixes, seq, length)

    monkeypatch.setattr(Prefixes, "shrink", shrunk)
    guessing = Guessing(answers, seed=5)
    monkeypatch.setattr(Drafts, "choose", lambda drafts, streams: guessing(drafts, streams))
    drafted = 0
    for group in range(JOBS // len(LAYOUTS) // GROUP):
        draw = random.Random(group)
        jobs = [some_job(draw, f"{group}.{number}", plain.model.vocab.special) for number in range(GROUP)]
        plain.post(*jobs)
        plain.until(*(job.job for job in jobs))
        answers.clear()
        answers.update({job.job: plain.ids(job.job) for job in jobs})
        moved = [replace(job, delivered=delivered(draw, answers[job.job])) for job in jobs]
        drafting.post(*moved)
        cancelled = disturb(drafting, draw, moved)
        for job in moved:
            expect(plain, drafting, job, job.job in cancelled)
            drafted += drafts_told(drafting, job.job)
        plain.events.clear()
        drafting.events.clear()
    pulse = drafting.loop.pulse()
    assert 0.2 * pulse.drafted_tokens < pulse.accepted_tokens < 0.9 * pulse.drafted_tokens
    assert pulse.drafted_tokens > 10 * group
    assert drafted == pulse.drafted_tokens, "each guess is some job's"
    assert (len(went_back) > group / 4) == plain.model.hybrid, "to states that were saved before"


def drafts_told(engine: Driven, job: str) -> int:
    """Guesses of a job that has ended. None of them is counted as a token of its answer."""
    ended = engine.ended(job)
    assert ended
    usage = ended.usage
    assert usage.completion == len(engine.tokens(job))
    assert all(one.source == "lookup" and one.accepted <= min(one.drafted, usage.completion) for one in usage.guesses)
    return sum(one.drafted for one in usage.guesses)


def delivered(draw: random.Random, answer: list[int]) -> tuple[int, ...]:
    """What another worker made of an answer before it was lost; mostly nothing."""
    return tuple(answer[: draw.randrange(len(answer))]) if answer and draw.random() < 0.25 else ()


def expect(plain: Driven, drafting: Driven, job: Submit, cancelled: bool) -> None:
    tokens, *end = told(plain, job.job)
    got, *other_end = told(drafting, job.job)
    assert isinstance(tokens, list) and isinstance(got, list)
    rest = tokens[len(job.delivered) :]
    if cancelled and other_end[0] == "cancelled":
        assert got == rest[: len(got)], job
    else:
        assert got == rest, job
        assert other_end[:2] == end[:2] and other_end[2] == len(rest), job
