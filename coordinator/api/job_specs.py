"""What the jobs of one request are, for dispatch: one for each choice."""

import secrets
from collections.abc import Mapping, Sequence
from hashlib import sha256

from coordinator.accounts.keys_in_use import Principal
from coordinator.api.answering import choice_seed
from coordinator.api.client_headers import session_name, traceparent
from coordinator.request import ClientRequest
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.work import PromptCount
from wire.media import MediaRequest


def drawn(name: str) -> int:
    """The seed of a request of that name, which draws the same wherever it is begun."""
    return int.from_bytes(sha256(f"seed\0{name}".encode()).digest()[:8], "big") >> 1


def job_specs(
    job: ClientRequest,
    principal: Principal,
    headers: Mapping[str, str],
    names: Sequence[str],
    prompt: PromptCount,
    timeout_s: float | None,
    drawn: int,
) -> list[JobSpec]:
    """One job for each choice. A stream has no deadline: it is never silent for long, so no client gives up on it.
    `drawn`: the seed of a request that names none."""
    first = drawn if job.seed is None else job.seed
    return [
        JobSpec(
            id=name,
            account=principal.account,
            model=job.model.id,
            request=job.request,
            seed=choice_seed(first, n),
            deadline_s=None if job.stream else timeout_s,
            weight=principal.weight,
            session=session_name(headers),
            trace=traceparent(headers),
            key=principal.key,
            prompt=prompt,
            blobs=job.blobs,
            upload_secret=secrets.token_urlsafe(32) if isinstance(job.request, MediaRequest) else "",
        )
        for n, name in enumerate(names)
    ]
