"""The same conversations on real parts: four workers with a tiny hybrid model on the real engine, keys and HTTP.

What is counted is what clients are told: `usage.prompt_tokens_details.cached_tokens`.
"""

import asyncio
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copy

import httpx

from tools.bench.comparison import Row, row
from tools.bench.network.cases import WORDS
from tools.local_network import MODEL, Network
from tools.tiny_models.make import write_qwen35

WORKERS, SLOTS = 4, 4
TURNS = 8
CASES = {"own system prompts": 16, "3 shared system prompts": 3}  # of 16 conversations
SYSTEM_WORDS, QUESTION_WORDS, ANSWER_TOKENS = 200, 50, 150  # of this vocabulary some 600 and 150 tokens
THINK_S = 6.0  # about twice what an answer takes on two cores, as in virtual time
PATIENCE_S = 300.0


def words(dice: random.Random, many: int) -> str:
    return " ".join(dice.choices(WORDS, k=many))


async def talk(network: Network, key: str, system: str, dice: random.Random) -> tuple[int, int]:
    """One conversation, each turn with all that was said before: tokens of all prompts, and those from cache."""
    messages = [{"role": "system", "content": system}]
    prompts = cached = 0
    headers = {"authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(base_url=network.url, headers=headers, timeout=PATIENCE_S) as client:
        for _ in range(TURNS):
            await asyncio.sleep(dice.expovariate(1 / THINK_S))
            messages.append({"role": "user", "content": words(dice, QUESTION_WORDS)})
            ask = {"model": MODEL, "messages": messages, "max_tokens": ANSWER_TOKENS, "ignore_eos": True}
            response = await client.post("/v1/chat/completions", json=ask)
            response.raise_for_status()
            answer = response.json()
            messages.append({"role": "assistant", "content": answer["choices"][0]["message"]["content"] or ""})
            prompts += answer["usage"]["prompt_tokens"]
            cached += answer["usage"]["prompt_tokens_details"]["cached_tokens"]
    return prompts, cached


async def share(network: Network, keys: list[str], programs: int, seed: int) -> float:
    """Of all prompt tokens those from cache. No two seeds have a word order in common."""
    talks = []
    for number in range(WORKERS * SLOTS):
        system = words(random.Random(f"{seed} {programs} {number % programs}"), SYSTEM_WORDS)
        dice = random.Random(f"{seed} {programs} conversation {number}")
        talks.append(talk(network, keys[number % len(keys)], system, dice))
    counts = await asyncio.gather(*talks)
    return sum(cached for _, cached in counts) / sum(prompts for prompts, _ in counts)


def start_workers(network: Network) -> None:
    """Each with the speed that one of them has measured while it was alone, as its owner is asked to."""
    shape = ("--slots", str(SLOTS), "--context", "4096")
    measuring = network.start_worker("--benchmark", *shape, name="measuring", wait=False)
    if measuring.wait():
        raise SystemExit(f"bench: no speed was measured: {measuring.output()[-2000:]}")
    for n in range(WORKERS):
        folder = network.folder / f"w{n}"
        folder.mkdir()
        copy(measuring.state / "measured.json", folder)
        network.start_worker(*shape, name=folder.name)


@contextmanager
def started(program: str) -> Iterator[tuple[Network, list[str]]]:
    """A network whose coordinator is that program, and the keys of four accounts."""
    with tempfile.TemporaryDirectory(prefix="supernet-bench-") as folder:
        model = Path(folder) / "tiny.gguf"
        write_qwen35(model)
        network = Network(Path(folder), model, thinking=False, format="qwen-xml", program=program)
        try:
            network.start_coordinator()
            start_workers(network)
            yield network, [network.create_stranger(f"account{n}") for n in range(4)]
        finally:
            network.close()


def compared(runs: int) -> list[Row]:
    shares: dict[str, dict[str, list[float]]] = {}
    for program in ("coordinator", "tools.bench.placement.at_random"):
        with started(program) as (network, keys):
            shares[program] = {
                name: [asyncio.run(share(network, keys, programs, seed)) for seed in range(runs)]
                for name, programs in CASES.items()
            }
    ours, chance = shares.values()
    return [row(f"real parts, {name}: prompt tokens from cache", "share", ours[name], chance[name]) for name in CASES]
