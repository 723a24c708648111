"""Where requests of all APIs become jobs: who asks, whether he may, whether it was asked before, what it may cost."""

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from fastapi import Request, Response

from coordinator.accounts.accounts import Accounts, Principal
from coordinator.admission.admission import Gate
from coordinator.admission.client_timeout import patience_s
from coordinator.admission.idempotency import Idempotency, Kept, Run, fingerprint, key_of, spent, still_runs
from coordinator.api.answering import KEEP_ALIVE_S, EventStream, Exchange, choice_seed, read_body
from coordinator.billing.billing import Billing, Ended, Tab
from coordinator.hub.hub import Hub, JobEnd
from coordinator.request import ChatJob
from coordinator.scheduler.prefix_affinity import session_of
from coordinator.scheduler.state import JobSpec
from coordinator.telemetry.tracing import traceparent
from wire.catalog import Catalog

MOST_RUNS = 32  # of one Idempotency-Key that came to nothing


@dataclass(frozen=True)
class Asked:
    """A request that was let in and read. `run`: what its Idempotency-Key stands for."""

    principal: Principal
    body: bytes
    run: Run | None = None


Answering = Callable[[Request, Asked], Awaitable[Response]]


@dataclass(frozen=True)
class Desk:
    """Where requests of all APIs become jobs."""

    hub: Hub
    accounts: Accounts
    catalog: Catalog
    billing: Billing
    gate: Gate
    idempotency: Idempotency = field(default_factory=Idempotency)

    def admit(self, headers: Mapping[str, str]) -> Principal:
        """Who asks, before anything of the request is read. Raises what `authenticate` raises, and RateLimited."""
        principal = self.accounts.authenticate(headers, "client")
        self.gate.knock(principal)
        return principal

    async def once(self, request: Request, answer: "Answering") -> Response:
        """Answer a request, or give the answer that it was given before under its Idempotency-Key."""
        principal = self.admit(request.headers)
        key = key_of(request.headers)
        body = await read_body(request)
        if key is None:
            return await answer(request, Asked(principal, body))
        paid_with = request.headers.get("x-token-type", "")
        asked = fingerprint(request.url.path, paid_with, body)
        run = self.idempotency.begin(principal.account, key, asked, time.monotonic())
        if isinstance(run, Kept):
            return Response(run.body, media_type=run.media_type, headers={"idempotent-replayed": "true"})
        ended = partial(self._ended, run)
        try:
            response = await answer(request, Asked(principal, body, run))
        except BaseException:
            ended(None)
            raise
        if isinstance(response, EventStream):
            response.record(ended)
        else:
            ended(bytes(response.body) if response.status_code == 200 else None, "application/json")
        return response

    def _ended(self, run: Run, body: bytes | None, media_type: str = EventStream.media_type) -> None:
        kept = None if body is None else Kept(media_type, body)
        self.idempotency.end(run, kept, time.monotonic())

    async def _open(self, job: ChatJob, asked: "Asked") -> Tab:
        """The money is set aside. A run of the same key that came to nothing has used its name up. One whose client has
        been answered may still run: a worker has yet to say that it has let go of a choice."""
        run = asked.run
        if run is None:
            return await self.billing.open(secrets.token_hex(16), job, asked.principal)
        while run.attempt < MOST_RUNS:
            if self.billing.runs(run.name()):
                raise still_runs()
            try:
                return await self.billing.open(run.name(), job, asked.principal)
            except Ended as ended:
                if ended.charge:
                    break
                run.attempt += 1
        raise spent()

    async def submit(self, job: ChatJob, asked: "Asked", headers: Mapping[str, str]) -> "Exchange":
        """Waits until the money is set aside. Raises insufficient_quota, queue_full, RateLimited, or invalid_request if
        the headers name no proper time to wait."""
        patience = patience_s(headers)
        # Of a stream only the silence counts, and that is kept short: its client never has to give up.
        deadline_s = None if job.stream else patience
        principal = asked.principal
        with self.gate.enter(principal, job) as visit:
            tab = await self._open(job, asked)
        name = tab.name
        first = secrets.randbits(63) if job.seed is None else job.seed
        session = session_of(headers)
        specs = [
            JobSpec(
                id=f"{name}.{n}",
                account=principal.account,
                model=job.model.id,
                request=job.request,
                seed=choice_seed(first, n),
                deadline_s=deadline_s,
                weight=principal.weight,
                session=session,
                trace=traceparent(headers),
                key=principal.key,
                bound=tab.quote.bound,
            )
            for n in range(job.n)
        ]

        def ended(spec: JobSpec, end: JobEnd) -> None:
            visit.ended(spec, end)
            tab.ended(spec, end)

        silence_s = KEEP_ALIVE_S if patience is None else min(KEEP_ALIVE_S, patience / 2)
        answers = self.hub.submit(specs, ended)
        return Exchange(name, int(time.time()), job, answers, silence_s, tab.quote, visit.limits, asked.run is not None)
