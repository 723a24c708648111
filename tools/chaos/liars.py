"""Lying workers beside honest ones, on real processes: what becomes of a hundred jobs for each kind of lie.

The coordinator and the honest workers are programs of their own; the liars (tools/liars.py) speak from here, on the
real line. Beside one honest worker jobs come one after the other, so that each that was spoilt before a liar rested is
one that a rest would have spared. Beside eight they come in time, whatever became of those before.

Eight honest workers have proven themselves before the liars come: so the second owner that is asked is one of them, and
no league is borne out. What one can do before anybody has proven itself is a matter of chance, and measured where seeds
are free (`burst` of tools/simulation/liars.py).
"""

import asyncio
import contextlib
import random
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path

from coordinator.dispatch.silence import TOKENS_PER_CHAR, UNPAID
from coordinator.scheduler.owners import PROVEN
from tools.chaos.client import Answer, ask, body
from tools.chaos.lying_worker import LyingWorker
from tools.liars import HONEST_ONES, KINDS, NEW_EVERY_S, REST_AFTER, WELL, Company, Liar, ids, owner_of
from tools.local_network import MODEL, Network, until
from worker.daemon.home import Home

TOKENS = 40
WITHIN_S = 120.0
EVERY_S = 1.0  # a job, beside eight honest workers
PACE_S, SLOTS = 0.02, 4  # of each of those
TEMPLATE = 16  # tokens of a prompt that no text of the client's stands for, at most
NAME = "liar"
# What the log says of a liar: that it spoilt a job, and that it rests.
SPOILT = re.compile(rf" (?:moved|claim not believed) worker=\S+/{NAME}\d+ ")
RESTS = re.compile(rf" worker rests worker=\S+/{NAME}\d+ ")


@dataclass(frozen=True)
class Found:
    """What became of the jobs of one kind. `overbilled`: answers that were billed for more than their clients had.
    `spoilt`: jobs that a liar spoilt, for a while or for good; `rested_after`: so many of them, None: it never did."""

    jobs: int
    well: int
    errors: list[str]
    overbilled: int
    longest_s: float
    spoilt: int
    rested_after: int | None

    def misses(self, company: Company) -> bool:
        rested = self.spoilt if self.rested_after is None else self.rested_after
        late = company == "one" and rested > REST_AFTER
        return 100 * self.well < WELL[company] * self.jobs or self.overbilled > 0 or late


async def run(
    folder: Path,
    model: Path,
    jobs: int,
    kinds: tuple[str, ...] = KINDS,
    company: Company = "one",
    every_s: float = EVERY_S,
) -> dict[str, object]:
    """The rows of all kinds; `missed` names those whose figures do not hold."""
    rows: dict[str, object] = {"company": company}
    missed = []
    for kind in kinds:
        place = folder / kind
        place.mkdir()
        found = await beside(Network(place, model), kind, company, jobs, every_s)
        print(f"{kind}, {company}: {found}", file=sys.stderr, flush=True)
        rows |= {f"{kind}_{name}": value for name, value in asdict(found).items()}
        missed += [kind] if found.misses(company) else []
    return rows | {"missed": missed}


async def beside(network: Network, kind: str, company: Company, jobs: int, every_s: float) -> Found:
    """What becomes of so many jobs, with liars of one kind beside honest workers."""
    vocabulary = network.folder / f"{MODEL}.gguf"
    vocabulary.symlink_to(network.model_file)
    try:
        await asyncio.to_thread(network.start_coordinator, "--vocabularies", str(network.folder))
        await asyncio.to_thread(start_honest, network, company)
        honest = 1 if company == "one" else HONEST_ONES
        await asyncio.to_thread(until, lambda: network.online() >= honest)
        for _ in range(1 if company == "one" else PROVEN):
            await asyncio.gather(*(ask(network, asking(n)) for n in range(honest)))
        async with lying(network, kind, company):
            await asyncio.to_thread(until, lambda: network.online() >= honest + ids(kind, company))
            answers = await (in_turn(network, jobs) if company == "one" else in_time(network, jobs, every_s))
        assert network.coordinator is not None
        return judge(answers, network.coordinator.output())
    finally:
        network.close()


def start_honest(network: Network, company: Company) -> None:
    if company == "one":
        network.start_worker("--scripted", "--slots", "8", key=network.create_stranger("alice"))
    else:
        keys = [network.create_stranger(f"honest{n}") for n in range(HONEST_ONES)]
        network.start_swarm(0, HONEST_ONES, ",".join(keys), PACE_S, SLOTS)


async def in_turn(network: Network, jobs: int) -> list[Answer]:
    return [await ask(network, asking(n)) for n in range(jobs)]


async def in_time(network: Network, jobs: int, every_s: float) -> list[Answer]:
    asked = []
    for n in range(jobs):
        asked.append(asyncio.create_task(ask(network, asking(n))))
        await asyncio.sleep(every_s)
    return list(await asyncio.gather(*asked))


@asynccontextmanager
async def lying(network: Network, kind: str, company: Company) -> AsyncIterator[None]:
    """The liars of a company, while the block runs."""
    task = asyncio.create_task(_lie(network, kind, company))
    try:
        yield
        if task.done():
            task.result()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _lie(network: Network, kind: str, company: Company) -> None:
    """Where they change their names, those before leave when the next are there."""
    names, keys, liars = count(), dict[str, str](), dict[str, Liar]()
    lines: list[asyncio.Task[None]] = []
    try:
        while True:
            come = []
            for n in range(ids(kind, company)):
                name = f"{NAME}{next(names)}"
                whose = owner_of(name, n, company)
                if whose not in keys:
                    keys[whose] = await asyncio.to_thread(network.create_stranger, whose)
                liar = liars.setdefault(whose, Liar(kind, random.Random(f"{kind} {whose}")))
                come.append(LyingWorker(Home(f"ws://127.0.0.1:{network.port}", keys[whose]), name, liar))
            await _leave(lines)
            lines = [asyncio.create_task(worker.run()) for worker in come]
            done, _ = await asyncio.wait(lines, timeout=NEW_EVERY_S if company.startswith("new") else None)
            for line in done:
                line.result()
    finally:
        await _leave(lines)


async def _leave(lines: list[asyncio.Task[None]]) -> None:
    for line in lines:
        line.cancel()
    await asyncio.gather(*lines, return_exceptions=True)


def asking(number: int) -> dict[str, object]:
    return body(f"question {number}", TOKENS, stream_options={"include_usage": True})


def judge(answers: list[Answer], log: str) -> Found:
    """By what the clients have and the coordinator's log. The rest that a job brings stands there before its move."""
    well = [a for a in answers if a.whole and a.completion == TOKENS and a.text and a.ended - a.began < WITHIN_S]
    most = max(len(f"question {n}") for n in range(len(answers))) + TEMPLATE
    overbilled = [a for a in answers if a.completion > TOKENS_PER_CHAR * len(a.text) + UNPAID or a.prompt > most]
    lines = log.splitlines()
    spoilt = [n for n, line in enumerate(lines) if SPOILT.search(line)]
    rest = next((n for n, line in enumerate(lines) if RESTS.search(line)), None)
    return Found(
        jobs=len(answers),
        well=len(well),
        errors=sorted({answer.error for answer in answers if answer.error}),
        overbilled=len(overbilled),
        longest_s=round(max(answer.ended - answer.began for answer in answers), 1),
        spoilt=len(spoilt),
        rested_after=None if rest is None else max(1, sum(n < rest for n in spoilt) + (rest + 1 in spoilt)),
    )
