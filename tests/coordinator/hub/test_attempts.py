"""Attempts that this coordinator knows, and those that another replica does."""

from dataclasses import dataclass, field
from typing import Any

from coordinator.artefact import Artefact
from coordinator.hub.attempts import Attempts
from coordinator.scheduler.state import JobSpec
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError

SPEC = JobSpec("j.0.aaaaaaaa", "client", "tiny", ChatRequest(messages=[], max_tokens=1), 1)
BLOCKED = SupernetError(ErrorCode.CONTENT_FILTER, "no")


@dataclass
class Known:
    """A hub with one attempt, or none; and in the same words the other replicas with one, or none."""

    spec: JobSpec | None = None
    told: list[Any] = field(default_factory=list)

    @property
    def dispatch(self) -> "Sync":
        return Sync(self)

    def uploaded(self, job: str, attempt: int, artefact: Artefact | SupernetError) -> bool:
        self.told.append((job, attempt, artefact))
        return self.spec is not None


@dataclass
class Sync:
    known: Known

    def upload(self, job: str, attempt: int, token: str) -> JobSpec | None:
        return self.known.spec


@dataclass
class Others:
    known: Known

    async def upload(self, job: str, attempt: int, token: str) -> JobSpec | None:
        self.known.told.append((job, attempt, token))
        return self.known.spec

    async def uploaded(self, job: str, attempt: int, artefact: Artefact | SupernetError) -> bool:
        return self.known.uploaded(job, attempt, artefact)


async def test_what_is_known_here_is_asked_nowhere_else() -> None:
    hub, others = Known(SPEC), Known(SPEC)
    attempts = Attempts(hub, Others(others))  # type: ignore[arg-type]
    assert await attempts.upload("j.0.aaaaaaaa", 1, "token") is SPEC
    assert await attempts.uploaded("j.0.aaaaaaaa", 1, BLOCKED)
    assert others.told == []


async def test_what_is_not_known_here_is_asked_elsewhere() -> None:
    hub, others = Known(), Known(SPEC)
    attempts = Attempts(hub, Others(others))  # type: ignore[arg-type]
    assert await attempts.upload("j.0.aaaaaaaa", 1, "token") is SPEC
    assert await attempts.uploaded("j.0.aaaaaaaa", 1, BLOCKED)
    assert others.told == [("j.0.aaaaaaaa", 1, "token"), ("j.0.aaaaaaaa", 1, BLOCKED)]


async def test_a_coordinator_that_is_alone_asks_nobody() -> None:
    attempts = Attempts(Known())  # type: ignore[arg-type]
    assert await attempts.upload("j.0", 1, "token") is None
    assert not await attempts.uploaded("j.0", 1, BLOCKED)
