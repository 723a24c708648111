"""Placement by prefix beside placement at random: the real dispatch, the engine's own index, in virtual time; with
--real N, N runs on real parts besides (real.py).

Conversations of several turns come to four workers, each under a long system prompt. Workers take time as GPUs do, and
what they need not read again is decided by worker/engine/child/prefix_cache.py. Both ways see the same conversations.
"""

import argparse
import random
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from coordinator.scheduler.prefix_affinity import PrefixIndex, prompt_prefixes
from coordinator.scheduler.state import Limits
from tools.bench.comparison import Row, as_json, row, table
from tools.bench.placement import real
from tools.bench.placement.at_random import placed_at_random
from tools.simulation.fair_weather import Ask, Network, words
from wire.chat import ChatRequest, Message

CONVERSATIONS = 16  # as many as the 4 workers have slots
SLOTS = 4
TURNS = 8
# Case -> how many system prompts there are, and whether the model is a hybrid one.
CASES = {"own system prompts": (16, False), "hybrid model": (16, True), "3 shared system prompts": (3, False)}
SYSTEM_TOKENS, QUESTION_TOKENS, ANSWER_TOKENS = 600, 150, 150
THINK_S = 10.0
LASTS_S = 900.0


class Talk:
    """One conversation: each turn sends all that was said before."""

    def __init__(self, network: Network, number: int, programs: int, dice: random.Random) -> None:
        self._network, self._dice, self._account = network, dice, f"account{number % 4}"
        system = words(random.Random(number % programs), SYSTEM_TOKENS)
        self._messages = [Message(role="system", content=system)]
        network.timeline.after(dice.uniform(0, 2 * THINK_S), self._turn)

    def _turn(self) -> None:
        self._messages.append(Message(role="user", content=words(self._dice, QUESTION_TOKENS)))
        request = ChatRequest(messages=tuple(self._messages), max_tokens=ANSWER_TOKENS)
        self._network.ask(self._account, request, done=self._answered)

    def _answered(self, ask: Ask) -> None:
        said = words(random.Random(ask.spec.seed), ANSWER_TOKENS)  # as the worker made it
        self._messages.append(Message(role="assistant", content=said))
        if len(self._messages) < 2 * TURNS:
            self._network.timeline.after(self._dice.expovariate(1 / THINK_S), self._turn)


def measure(seed: int, programs: int, hybrid: bool) -> tuple[float, float]:
    """Share of prompt tokens from cache, and the median time to the first token in seconds."""
    network = Network(slots=SLOTS, hybrid=hybrid, limits=Limits(queue_wait_s=600.0))
    for number in range(CONVERSATIONS):
        Talk(network, number, programs, random.Random(1000 * seed + number))
    network.timeline.run(LASTS_S)
    usages = [ask.usage for ask in network.asks.values() if ask.usage is not None]
    waits = [ask.first_token - ask.at for ask in network.asks.values() if ask.first_token is not None]
    assert len(usages) == CONVERSATIONS * TURNS, f"{len(usages)} answers"
    return sum(usage.cached for usage in usages) / sum(usage.prompt for usage in usages), median(waits)


def compared(name: str, runs: int, programs: int, hybrid: bool) -> list[Row]:
    ours, chance = [], []
    for seed in range(runs):
        ours.append(measure(seed, programs, hybrid))
        with placed_at_random(seed):
            chance.append(measure(seed, programs, hybrid))
    return [
        row(f"{name}: prompt tokens from cache", "share", [x for x, _ in ours], [x for x, _ in chance]),
        row(f"{name}: time to the first token", "s", [x for _, x in ours], [x for _, x in chance]),
    ]


def cost(runs: int) -> list[Row]:
    """What knowing prefixes costs: the chain of a prompt of 20 kB, once a request; a look into a worker's memory."""
    turns = [Message(role=("user", "assistant")[i % 2], content="x" * 1000) for i in range(20)]
    request = ChatRequest(messages=tuple(turns), max_tokens=1)
    prompt, held = prompt_prefixes(request, "a"), PrefixIndex()
    held.add(prompt, 8)
    chain = [_micros(partial(prompt_prefixes, request, "a"), 200) for _ in range(runs)]
    look = [_micros(partial(held.cached_tokens, prompt), 20_000) for _ in range(runs)]
    return [row("chain of a prompt of 20 messages", "µs", chain), row("look into one worker's memory", "µs", look)]


def _micros(work: Callable[[], object], times: int) -> float:
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times * 1e6


def main() -> None:
    parser = argparse.ArgumentParser("scripts/bench placement", description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--real", type=int, default=0, metavar="N", help="runs on real parts: minutes (default 0)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = [each for name, load in CASES.items() for each in compared(name, options.runs, *load)] + cost(options.runs)
    rows += real.compared(options.real) if options.real else []
    print(as_json(rows) if options.json else table(rows))


if __name__ == "__main__":
    main()
