"""Who may upload what an attempt has made: this coordinator knows, or the replica that has the job's client does.

A worker's upload comes to whichever replica the balancer picks, and its socket is at one of them only.
"""

from dataclasses import dataclass
from typing import Protocol

from coordinator.artefact import Artefact
from coordinator.hub.hub import Hub
from coordinator.scheduler.state import JobSpec
from wire.errors import SupernetError


class Elsewhere(Protocol):
    """The other replicas, asked by the name of the job."""

    async def upload(self, job: str, attempt: int, token: str) -> JobSpec | None: ...

    async def uploaded(self, job: str, attempt: int, artefact: Artefact | SupernetError) -> bool: ...


@dataclass(frozen=True)
class Attempts:
    """Asks the hub first, and where it knows nothing of the attempt the others."""

    hub: Hub
    elsewhere: Elsewhere | None = None

    async def upload(self, job: str, attempt: int, token: str) -> JobSpec | None:
        """The job of an attempt that may upload what it made, with this token; None: nobody waits for it, or the token
        is not its own. While it is verified that may change, so `uploaded` has the last word; and it may be asked again
        after that, by a worker that has not heard that it was taken. A spec without an account is of a test of the
        worker: what it made is verified and not kept, and `uploaded` is told all the same."""
        spec = self.hub.dispatch.upload(job, attempt, token)
        if spec is None and self.elsewhere is not None:
            return await self.elsewhere.upload(job, attempt, token)
        return spec

    async def uploaded(self, job: str, attempt: int, artefact: Artefact | SupernetError) -> bool:
        """What the attempt made is verified and stored, and its job is finished with it. Or it may not be kept or
        shown, for the reason that is given instead. False: nobody waits for it any more, and it must not be kept."""
        taken = self.hub.uploaded(job, attempt, artefact)
        if not taken and self.elsewhere is not None:
            return await self.elsewhere.uploaded(job, attempt, artefact)
        return taken
