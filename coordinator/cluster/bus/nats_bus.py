"""The bus over NATS: its subjects, on two connections.

Tokens have one of their own, so that nothing that is told to all can keep them waiting.
"""

import asyncio

from nats.aio.msg import Msg

from coordinator.cluster.bus.nats_line import LOST, Line, NatsSettings
from coordinator.cluster.bus.port import MAX_BYTES, BusCounts, Listener, Question
from coordinator.cluster.protocol.ids import ReplicaId

BUS_VERSION = 1  # of the subjects


class NatsBus:
    """The end of the bus of replica `me`."""

    def __init__(self, settings: NatsSettings, me: ReplicaId) -> None:
        self.counts = BusCounts()
        self._me = me
        self._prefix = f"sn{BUS_VERSION}.{settings.network}"
        inbox = f"{self._prefix}.reply.{me}"
        self._lanes = Line(settings, f"{me} lanes", inbox, self.counts)
        self._talk = Line(settings, f"{me} talk", inbox, self.counts)

    @property
    def up(self) -> bool:
        return self._lanes.client is not None and self._talk.client is not None

    async def run(self, listener: Listener) -> None:
        def hear(message: Msg) -> None:
            listener.heard(message.data)

        def ask(message: Msg) -> None:
            if message.reply:
                listener.asked(message.reply, message.data)

        talk = {f"{self._prefix}.all": ("", hear), f"{self._prefix}.ask.{self._me}": ("", ask)}
        talk[f"{self._prefix}.ask"] = ("any", ask)
        lines = (self._lanes.run({f"{self._prefix}.r.{self._me}": ("", hear)}), self._talk.run(talk))
        tasks = [asyncio.create_task(line) for line in lines]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    def publish(self, to: ReplicaId | None, data: bytes) -> None:
        if not self._fits(data):
            return
        if to is None:
            self._talk.send(f"{self._prefix}.all", data)
        else:
            self._lanes.send(f"{self._prefix}.r.{to}", data)

    async def ask(self, to: ReplicaId | None, data: bytes, within_s: float) -> bytes | None:
        client = self._lanes.client if to == self._me else self._talk.client  # a connection does not hear itself
        if client is None or not self._fits(data):
            return None
        try:
            async with asyncio.timeout(within_s):
                subject = f"{self._prefix}.ask" if to is None else f"{self._prefix}.ask.{to}"
                return bytes((await client.request(subject, data, timeout=within_s)).data)
        except LOST:
            return None

    def reply(self, question: Question, data: bytes) -> None:
        if self._fits(data):
            self._talk.send(question, data)

    def _fits(self, data: bytes) -> bool:
        self.counts.too_large += len(data) > MAX_BYTES
        return len(data) <= MAX_BYTES
