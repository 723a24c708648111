"""A liar (tools/liars.py) on a real socket: what it says is chosen there, when is kept here."""

import asyncio
from itertools import count

from tools.liars import Job, Liar, Script, capacity, offer
from tools.local_network import MODEL
from wire import messages as wire
from wire.chat import ChatRequest, Usage
from worker.daemon.home import Home
from worker.daemon.link import Link

CONTEXT = 4096


class LyingWorker:
    """Lies until run() is cancelled."""

    def __init__(self, home: Home, name: str, liar: Liar) -> None:
        self._home, self._name, self._liar = home, name, liar
        self._lives = count(1)
        self._line: asyncio.Task[None] | None = None
        self._scripts: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._seqs: dict[tuple[str, int], int] = {}

    async def run(self) -> None:
        await asyncio.gather(self._dial(), self._beat())

    async def _dial(self) -> None:
        """One line after another: whoever breaks its own does not wait before the next, as a link would."""
        while True:
            self._link = Link(self._home, self._hello, self._received, lambda: None)
            self._line = asyncio.create_task(self._link.run())
            try:
                await asyncio.wait((self._line,))
            finally:
                self._line.cancel()
            if not self._line.cancelled():
                self._line.result()

    def _hello(self) -> wire.Hello:
        life = f"{self._name}.{next(self._lives)}"
        return wire.Hello(worker=self._name, instance=life, models=(offer(MODEL, CONTEXT),))

    def _received(self, message: wire.ToWorker) -> float:
        match message:
            case wire.Welcome():
                self._link.send(capacity(MODEL))
            case wire.Start():
                key = (message.job, message.attempt)
                self._seqs[key] = 0
                self._scripts[key] = asyncio.create_task(
                    self._say(key, self._liar.script(Job(message, guess(message))))
                )
            case wire.Cancel():
                key = (message.job, message.attempt)
                if (script := self._scripts.pop(key, None)) is not None:
                    script.cancel()
                usage = Usage(prompt=10**6, completion=10**6)
                seq = self._seqs.pop(key, 0)
                self._link.send(wire.Cancelled(job=message.job, attempt=message.attempt, seq=seq, usage=usage))
        return 0.0

    async def _say(self, key: tuple[str, int], script: Script) -> None:
        for delay_s, message in script:
            await asyncio.sleep(delay_s)
            if message is None:
                self._break()
                return
            self._seqs[key] += isinstance(message, wire.Deltas)
            self._link.send(message)

    def _break(self) -> None:
        """The line ends with all that ran on it; a new one is dialled at once."""
        for script in self._scripts.values():
            if script is not asyncio.current_task():
                script.cancel()
        self._scripts.clear()
        self._seqs.clear()
        if self._line is not None:
            self._line.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(wire.HEARTBEAT_S / 2)
            self._link.send(capacity(MODEL))


def guess(start: wire.Start) -> int:
    """Tokens of the prompt: at least a byte each."""
    assert isinstance(start.request, ChatRequest)
    return sum(len(message.content.encode()) for message in start.request.messages)
