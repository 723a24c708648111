"""What the shell of a replica asks the others by itself: who may upload, what became of it, what a dashboard shows."""

import asyncio
from collections.abc import Sequence

from coordinator.artefact import Artefact
from coordinator.cluster.bus.port import Bus
from coordinator.cluster.protocol.codec import decode, encode
from coordinator.cluster.protocol.envelope import Envelope, pack, unpack
from coordinator.cluster.protocol.ids import ReplicaId, edge_of
from coordinator.cluster.protocol.messages import (
    Answer,
    Attach,
    Attached,
    Counts,
    MayUpload,
    Message,
    Question,
    Upload,
    Uploaded,
)
from coordinator.cluster.protocol.news import Look, Looked, Ping
from coordinator.cluster.protocol.unreadable import Unreadable
from coordinator.scheduler.state import JobSpec
from wire.errors import ErrorCode, SupernetError

EDGE_S = 2.0  # an edge asks the job's cell in turn
ATTACH_S = 1.0  # a client waits that has waited already
LOOK_S = 0.9  # a dashboard is drawn each second
RETRY_S = 2.0


class Asks:
    """The questions of replica `me`."""

    def __init__(self, bus: Bus, me: ReplicaId) -> None:
        self._bus = bus
        self._me = me

    async def upload(self, job: str, attempt: int, token: str) -> JobSpec | None:
        """The job of an attempt that may upload with this token; None: by its edge it may not, or its edge is gone."""
        answer = await self._of_edge(job, Upload(job, attempt, token))
        return answer.spec if isinstance(answer, MayUpload) else None

    async def uploaded(self, job: str, attempt: int, artefact: Artefact | SupernetError) -> bool:
        """Whether somebody waits for what was made. Raises overloaded when nobody answers: it may have been taken, so
        the worker is to send it again."""
        kept = artefact if isinstance(artefact, Artefact) else None
        error = artefact if isinstance(artefact, SupernetError) else None
        answer = await self._of_edge(job, Uploaded(job, attempt, kept, error))
        if isinstance(answer, Counts):
            return answer.kept
        if edge_of(job) is None:
            return False
        message = "The coordinator that waits for this upload does not answer: send it again."
        raise SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=RETRY_S)

    async def attach(self, job: str, account: str, cells: Sequence[ReplicaId]) -> tuple[ReplicaId, Attached] | None:
        """Which of the cells runs a job whose edge is dead, and what it answers: the job is ours from then on."""

        async def asked(cell: ReplicaId) -> tuple[ReplicaId, Attached] | None:
            answer = await self._ask(cell, Attach(job, account), ATTACH_S)
            return (cell, answer) if isinstance(answer, Attached) and answer.spec is not None else None

        for answer in asyncio.as_completed([asked(cell) for cell in cells]):
            if (found := await answer) is not None:
                return found
        return None

    async def is_there(self, replica: ReplicaId, within_s: float) -> bool:
        """Whether it answers. False: it is not there, or too slow to say so."""
        return await self._ask(replica, Ping(), within_s) is not None

    async def look(self, replica: ReplicaId) -> str | None:
        """What its dashboard shows of its own cell; None: it does not answer."""
        answer = await self._ask(replica, Look(), LOOK_S)
        return answer.text if isinstance(answer, Looked) else None

    async def _of_edge(self, job: str, question: Question) -> Answer | Message | None:
        edge = edge_of(job)
        return None if edge is None else await self._ask(edge, question, EDGE_S)

    async def _ask(self, to: ReplicaId, question: Message, within_s: float) -> Message | None:
        data = await self._bus.ask(to, pack(Envelope(self._me, (encode(question),))), within_s)
        envelope = None if data is None else unpack(data)
        if envelope is None or len(envelope.messages) != 1:
            return None
        try:
            return decode(envelope.messages[0])
        except Unreadable:
            return None


def looked(me: ReplicaId, text: str) -> bytes:
    """The answer to a look, for the bus."""
    return pack(Envelope(me, (encode(Looked(text)),)))
