"""Clients of a cluster, as an SDK behaves: a question is asked again under its Idempotency-Key until it is answered."""

import asyncio
import random
import secrets
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

from tools.chaos import stamps
from tools.chaos.client import Answer, Door, ask, body

STREAMS = 60  # at once
TOKENS = 50
# In which all begin, one after the other. Those that begin together end together, and a fault between two answers hit
# nobody: eleven calm seconds were four answers of a slow machine.
BEGUN_S = 2.0
AGAIN_S = 0.1  # after a line that broke
REFUSED = (409, 429, 503)
PATIENCE_S = 120.0  # of a client with one question
TOLD = 200  # streams between two words on how it goes


@dataclass
class Stream:
    """One question and all answers to it. `name`: its Idempotency-Key; `number`: the seed, and in the prompt."""

    number: int
    name: str
    tries: list[Answer] = field(default_factory=list)

    @property
    def whole(self) -> bool:
        return self.tries[-1].whole

    @property
    def right(self) -> bool:
        """Every token that was asked for once and in its place, by its stamp and by the usage."""
        answer = self.tries[-1]
        try:
            found = [(stamp.number, stamp.seed) for stamp in stamps.read(answer.text)]
        except (TypeError, ValueError):
            return False
        return found == [(number, self.number) for number in range(TOKENS)] and answer.completion == TOKENS

    @property
    def first_s(self) -> float:
        """From the first question to the first token of the answer."""
        return self.tries[-1].times[0] - self.tries[0].began

    @property
    def broken(self) -> list[Answer]:
        """Answers that had begun and did not end."""
        return [answer for answer in self.tries if answer.status == 200 and not answer.whole]

    @property
    def refused(self) -> list[Answer]:
        return [answer for answer in self.tries if answer.status not in (0, 200)]

    @property
    def again_s(self) -> float | None:
        """From the first retry after a break to the first byte of what the client had to get."""
        later = [after for before, after in pairwise(self.tries) if before in self.broken]
        return self.tries[-1].times[0] - later[0].began if later and self.whole else None

    @property
    def continued(self) -> bool:
        """Whether what came after a break is the very answer that broke, and not another one to the same question."""
        return all(self.tries[-1].text.startswith(answer.text) for answer in self.broken)

    @property
    def gaps_s(self) -> list[float]:
        """Between the tokens of the last answer."""
        return [after - before for before, after in pairwise(self.tries[-1].times)]

    def worker_at(self, moment: float) -> str | None:
        """Who made the last token that had come by then; None if the client was not reading."""
        came = [
            piece
            for answer in self.tries
            for piece, at in zip(answer.pieces, answer.times, strict=True)
            if at <= moment
        ]
        ended = self.tries[-1].times[-1:] or [0.0]
        return stamps.read(came[-1])[-1].worker if came and ended[0] > moment else None

    def pause_s(self, begin: float, end: float) -> float:
        """The longest wait for a token that was going on at some time from `begin` to `end`."""
        times = self.tries[-1].times
        return max((after - before for before, after in pairwise(times) if after > begin and before < end), default=0.0)


async def load(
    door: Door,
    jobs: int,
    goes_on: Callable[[], bool] = lambda: False,
    streams: int = STREAMS,
    keyed: bool = True,
    thinks_s: float = 0.0,
) -> list[Stream]:
    """At least `jobs` answers, so many streams at once, and more as long as it goes on. `keyed`: by Idempotency-Key.
    `thinks_s`: up to so long a client waits before a question, else those whose answers end together ask together."""
    done: list[Stream] = []
    run, asked, ended = secrets.token_hex(4), 0, 0

    async def reader(place: int) -> None:
        nonlocal asked, ended
        await asyncio.sleep(BEGUN_S * place / streams)
        while asked < jobs or goes_on():
            asked += 1
            number = asked
            await asyncio.sleep(random.uniform(0.0, thinks_s))
            stream = Stream(number, f"{run}-{number}")
            done.append(stream)
            await _until_answered(door, stream, {"Idempotency-Key": stream.name} if keyed else {})
            ended += 1
            if ended % TOLD == 0:
                print(f"  {ended} streams", file=sys.stderr, flush=True)

    await asyncio.gather(*map(reader, range(streams)))
    return done


async def _until_answered(door: Door, stream: Stream, headers: dict[str, str]) -> None:
    more = {"seed": stream.number, "stream_options": {"include_usage": True}}
    request = body(f"question {stream.number}", TOKENS, **more)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        answer = Answer(time.monotonic())
        stream.tries.append(answer)
        await ask(door, request, answer=answer, headers=headers)
        if answer.whole or time.monotonic() > deadline or answer.status not in (0, 200, *REFUSED):
            return
        await asyncio.sleep(float(answer.headers.get("retry-after", AGAIN_S)))
