"""What is measured, and how numbers are made of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tools.bench.network.client import Answer, Ask, Target, rounds, throughput

STREAMS = 8
ROUNDS = {"real": 6, "paced": 24}  # answers of a stream in one run; the first is not counted: all begin at once
THINK_S = 0.1  # at most, between two answers: without it each question comes right behind a step of the engine, and all
# that a path adds to the first token is hidden in the wait for the next step
STEPS = (1, 4, 16, 64, 256)  # streams at once for requests per second
ANSWER_TOKENS = 16  # of one answer there
SECONDS = 5.0
WORDS = "the quick brown fox jumps over a lazy dog while seven old owls watch from their tree".split()


@dataclass(frozen=True)
class Latency:
    """Medians of one run, in milliseconds."""

    ttft: float
    per_token: float


def chats(model: str, seed: int) -> list[list[Ask]]:
    """For each stream its questions: no two alike, so that no prefix is cached, and answers of many lengths, so that
    the streams do not stay in step."""
    chance = random.Random(seed)
    return [
        [
            Ask(model, " ".join(chance.choices(WORDS, k=24)), chance.randint(16, 48), chance.uniform(0, THINK_S))
            for _ in range(ROUNDS[model])
        ]
        for _ in range(STREAMS)
    ]


async def latency(target: Target, model: str, seed: int, streams: int = STREAMS) -> Latency:
    """`streams` at once; the same seed asks the same."""
    asks, many = chats(model, seed), ROUNDS[model]
    answers = await rounds(target, streams, many, lambda stream, number: asks[stream][number])
    return summary([answer for number, answer in enumerate(answers) if number % many])


def summary(answers: Sequence[Answer]) -> Latency:
    return Latency(median(each.ttft_ms for each in answers), median(each.per_token_ms for each in answers))


async def requests_per_second(target: Target, streams: int, seconds: float = SECONDS) -> float:
    """Of an engine that takes no time: what is measured is all around it."""
    return await throughput(target, streams, seconds, Ask("instant", "a", ANSWER_TOKENS))
