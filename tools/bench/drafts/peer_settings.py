"""How llama-server may guess from the text: some settings of each kind that it has, of which the best is the peer."""

import sys
from dataclasses import replace
from pathlib import Path

from tools.bench.drafts.cases import PROCESSOR, Case, measure
from tools.bench.engine.llama_server import peer
from tools.bench.engine.sides import Shape
from worker.bindings.vocab import Vocab

WARM_UP = 16  # tokens


def _sized(kind: str, agree: int, guess: int) -> tuple[str, ...]:
    """So many tokens have to agree, and so many are guessed then at most."""
    return "--spec-type", kind, f"--spec-{kind}-size-n", str(agree), f"--spec-{kind}-size-m", str(guess)


SETTINGS: dict[str, tuple[str, ...]] = {
    **{f"ngram-simple {n}/{m}": _sized("ngram-simple", n, m) for n, m in ((12, 48), (12, 16), (4, 16))},
    "ngram-map-k 12/48": _sized("ngram-map-k", 12, 48),
    "ngram-mod": ("--spec-type", "ngram-mod"),
    "ngram-cache": ("--spec-type", "ngram-cache"),
}


OWN_HEAD = "draft-mtp"  # of a model that brings one


def flags(setting: str) -> tuple[str, ...]:
    """The options of llama-server for a setting."""
    return ("--spec-type", OWN_HEAD) if setting == OWN_HEAD else SETTINGS[setting]


async def best(case: Case, shape: Shape, program: Path, vocab: Vocab) -> str:
    """The name of the setting that takes least of the processor for a token, each tried once on the case."""
    took = {}
    for name in SETTINGS:
        async with peer(replace(shape, peer_options=flags(name)), program) as side:
            await measure(replace(case, answer=WARM_UP), side, vocab, -1)
            took[name] = (await measure(case, side, vocab, 0)).numbers[PROCESSOR]
        print(f"  llama-server with {name}: {took[name]:.4g} {PROCESSOR}", file=sys.stderr)
    return min(took, key=lambda name: took[name])
