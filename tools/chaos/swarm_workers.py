"""Many workers in one process: the real link, session and parsers of each, and a scripted engine.

Every token's text is its stamp (stamps.py), counted on from where another worker left the answer.
"""

import argparse
import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import uvloop

from tools.chaos.stamps import stamp
from tools.local_network import MODEL
from wire.blobs import VISION
from wire.errors import SupernetError
from wire.messages import HEARTBEAT_S, Hello, ToWorker
from wire.offers import ModelOffer, SpeedPoint
from worker.daemon.home import Home
from worker.daemon.link import Link
from worker.engine import port
from worker.engine.scripted import ScriptedEngine
from worker.pictures.cache import PictureCache
from worker.pictures.scripted import ScriptedReader
from worker.preparer.scripted import ScriptedPreparer
from worker.session import effects
from worker.session.served_model import ServedModel
from worker.session.session import Session
from worker.session.slots import Slots

CONTEXT = 4096
TICK_S = 0.25


class SmallDaemon:
    """What the daemon does, without files, signals and child processes."""

    def __init__(self, name: str, home: Home, slots: int, pace_s: float, read_s: float, claims: bool) -> None:
        self._name = name
        speed = _speed(slots, pace_s, read_s) if claims else ()
        offer = ModelOffer(id=MODEL, context=CONTEXT, slots=slots, features=("scripted", VISION), speed=speed)
        self._session = Session({MODEL: ServedModel(offer, Slots(slots))})
        self._engine = ScriptedEngine(slots, CONTEXT, pace_s=pace_s, read_s=read_s)
        self._preparer = ScriptedPreparer(CONTEXT)
        self._pictures = PictureCache(ScriptedReader())
        self._link = Link(home, self._hello, self._received, self._lost)
        self._tasks: set[asyncio.Task[None]] = set()
        self._next: dict[str, tuple[int, int, float]] = {}  # of each job: number of the next token, seed, when it came

    async def run(self) -> None:
        await asyncio.gather(self._link.run(), self._pump(), self._tick())

    def _hello(self) -> Hello:
        offers = tuple(served.offer for served in self._session.models.values())
        return Hello(worker=self._name, instance=self._name, models=offers, resume=self._session.resume())

    def _received(self, message: ToWorker) -> float:
        useless = self._session.useless(message)
        self._perform(self._session.received(message, time.monotonic()))
        return useless

    def _lost(self) -> None:
        self._session.link_lost(time.monotonic())

    async def _pump(self) -> None:
        async for event in self._engine.events():
            self._perform(self._session.engine(MODEL, self._stamped(event)))

    def _stamped(self, event: port.Event) -> port.Event:
        if isinstance(event, port.Ended):
            self._next.pop(event.job, None)
        if not isinstance(event, port.Stepped):
            return event
        tokens: list[port.Token] = []
        for token in event.tokens:
            number, seed, asked = self._next[token.job]
            self._next[token.job] = number + 1, seed, asked
            tokens.append(replace(token, piece=stamp(number, seed, self._name, asked)))
        return port.Stepped(tuple(tokens))

    async def _tick(self) -> None:
        beat = 0.0
        while True:
            now = time.monotonic()
            self._perform(self._session.tick(now))
            if now - beat >= HEARTBEAT_S - TICK_S and self._session.line.welcomed:
                beat = now
                self._link.send(self._session.capacity())
            await asyncio.sleep(TICK_S)

    def _perform(self, wanted: list[effects.Effect]) -> None:
        for effect in wanted:
            match effect:
                case effects.Send():
                    self._link.send(effect.message)
                case effects.Command():
                    self._command(effect.command)
                case effects.ReadPictures():
                    self._begin(self._read_pictures(effect))
                case effects.Prepare():
                    self._begin(self._prepare(effect))
                case effects.Redial():
                    self._link.redial(effect.after_s, effect.url, effect.why)
                case effects.Leave():
                    pass

    def _command(self, command: port.Command) -> None:
        if isinstance(command, port.Submit):
            self._next[command.job] = len(command.delivered), command.seed, time.monotonic()
        self._engine.send(command)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_pictures(self, effect: effects.ReadPictures) -> None:
        for file in effect.files:
            picture, in_file = await self._pictures.picture(file.sha256, file.data, file.most)
            self._perform(self._session.picture_read(effect, picture, in_file))

    async def _prepare(self, effect: effects.Prepare) -> None:
        try:
            prepared = await self._preparer.prepare(effect.request, effect.delivered, effect.seen)
        except SupernetError as error:
            self._perform(self._session.prepare_failed(effect.key, error))
        else:
            self._perform(self._session.prepared(effect.key, prepared))


def _speed(slots: int, pace_s: float, read_s: float) -> tuple[SpeedPoint, ...]:
    """What the engine does: a token for each stream in a step, however many there are."""
    reads, sizes = 1 / max(read_s, 1e-5), sorted({1, slots})
    return tuple(SpeedPoint(streams=n, decode_tps=n / pace_s, prefill_tps=reads, ttft_ms=1e3 * pace_s) for n in sizes)


async def swarm(asked: argparse.Namespace) -> None:
    keys = asked.keys.split(",")
    daemons = [
        SmallDaemon(
            f"w{n}",
            Home(asked.coordinator, keys[n % len(keys)]),
            asked.slots,
            asked.pace_s,
            asked.read_s,
            asked.claims,
        )
        for n in range(asked.first, asked.first + asked.workers)
    ]
    await asyncio.gather(*(daemon.run() for daemon in daemons))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--coordinator", required=True)
    parser.add_argument("--keys", required=True, help="of accounts, separated by commas; the workers take turns")
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--slots", type=int, default=1)
    parser.add_argument("--pace-s", type=float, default=0.5)
    parser.add_argument("--read-s", type=float, default=0.0, help="for each token of a prompt")
    parser.add_argument("--claims", action="store_true", help="they say how fast they are")
    uvloop.run(swarm(parser.parse_args()))


if __name__ == "__main__":
    main()
