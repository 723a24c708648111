"""How requests of all APIs become jobs: authentication, rate limits, Idempotency-Key, the hold on the balance."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response

from coordinator.accounts.accounts import Accounts
from coordinator.accounts.keys_in_use import Principal
from coordinator.admission.admission import Admission
from coordinator.admission.idempotency import Idempotency, Kept, Run, fingerprint, lost, spent, still_runs
from coordinator.admission.large_bodies import LargeBodies
from coordinator.api.answering import KEEP_ALIVE_S, JobStream, Submission
from coordinator.api.body import read_body
from coordinator.api.client_headers import client_timeout_s, idempotency_key
from coordinator.api.filled_response import FilledResponse, Read
from coordinator.api.job_specs import drawn, job_specs
from coordinator.api.request_ids import own_name
from coordinator.artefacts.artefacts import Artefacts
from coordinator.artefacts.filter import MediaFilter
from coordinator.billing.billing import Billing, Ended, OpenBill, RunsElsewhere, behind
from coordinator.cluster.protocol.ids import job_id
from coordinator.current_catalog import CurrentCatalog
from coordinator.dispatch.effects import JobEnd
from coordinator.filled import Filled
from coordinator.hub.answers import Answers
from coordinator.hub.hub import Hub
from coordinator.media.job import MediaJob
from coordinator.openai.json_body import MAX_PICTURES_BODY_BYTES
from coordinator.request import ClientRequest
from coordinator.scheduler.state import JobSpec
from coordinator.scheduler.work import PromptCount
from coordinator.store.errors import StoreError
from wire.catalog import Catalog
from wire.errors import ErrorCode, SupernetError

MOST_RUNS = 32  # of one Idempotency-Key that came to nothing
ASIDE_BYTES = 256 * 1024  # a larger body is read in a thread: 20 MiB take 0.2 s, and answers stream meanwhile


@dataclass(frozen=True)
class Admitted:
    """A request of a known caller. `run`: what its Idempotency-Key stands for, if it has one. `request_id`: what its
    answer is called in `x-request-id`; None over a socket."""

    principal: Principal
    run: Run | None = None
    request_id: str | None = None


T = TypeVar("T")
Count = Callable[[str, object, PromptCount], None]  # has a request's prompt counted: (model, request, where it is told)
Parse = Callable[[bytes, Catalog, Mapping[str, str]], T]  # reads a body: what it asks for; raises SupernetError
Told = Callable[[JobSpec, JobEnd], None]  # of the end of each job
ComeBack = Callable[[str, str, PromptCount, Told], Awaitable[Answers | None]]  # (job, account, its prompt, told)
Endpoint = Callable[[Request, T, Admitted], Awaitable[Response]]


@dataclass(frozen=True)
class Intake:
    """Admits requests (`once`) and submits their jobs (`submit`). One for all APIs, which share its limits."""

    hub: Hub
    accounts: Accounts
    catalog: CurrentCatalog
    billing: Billing
    admission: Admission
    count: Count
    artefacts: Artefacts
    idempotency: Idempotency
    media_filter: MediaFilter | None = None
    come_back: ComeBack | None = None  # finds the answer to a request whose replica is dead, if it still runs
    large_bodies: LargeBodies = field(default_factory=LargeBodies)
    serves: bool = True  # not where a replica is for workers alone
    # One thread: what is read takes four times its size.
    _thread: ThreadPoolExecutor = field(default_factory=partial(ThreadPoolExecutor, 1, "bodies"))

    def admit(self, headers: Mapping[str, str]) -> Principal:
        """The caller, before anything of the body is read. Raises what `authenticate` raises, RateLimited, and
        overloaded at a replica that serves workers alone."""
        principal = self.accounts.authenticate(headers, "client")
        if not self.serves:
            message = "This replica serves workers alone (--role cell): ask another one."
            raise SupernetError(ErrorCode.OVERLOADED, message, retry_after_s=1.0)
        self.admission.count_request(principal)
        return principal

    async def once(
        self, request: Request, parse: Parse[T], answer: Endpoint[T], most_bytes: int = MAX_PICTURES_BODY_BYTES
    ) -> Response:
        """Answer a request, or repeat the answer that was given before under its Idempotency-Key. `most_bytes`: of its
        body.

        Raises what `admit`, `read_body` and `Idempotency.begin` raise, and what `parse` and `answer` raise.
        """
        principal = self.admit(request.headers)
        key = idempotency_key(request.headers)
        async with AsyncExitStack() as places:
            enter = partial(self.large_bodies.enter, principal.account, places)
            body = await read_body(request, enter, most_bytes)
            run = await self._begin(request, principal, key, body)
            if isinstance(run, Kept):
                return await self._replayed(run, principal.account)
            ended = partial(self._ended, run)
            try:
                job = await self.aside(len(body), partial(parse, body, self.catalog.now, request.headers))
                del body  # an answer can take long
                await places.aclose()
                response = await answer(request, job, Admitted(principal, run, request.scope["request_id"]))
            except BaseException:
                ended(None)
                raise
        if run is None:
            return response
        if isinstance(response, JobStream):
            response.record(ended)
        elif isinstance(response, FilledResponse):
            ended(response.filled, "application/json")
        else:
            ended(Filled(bytes(response.body)) if response.status_code == 200 else None, "application/json")
        return response

    async def _replayed(self, kept: Kept, account: str) -> Response:
        """The answer again. Raises idempotency_conflict if a file in it is gone by now."""
        assert kept.body is not None  # `begin` gives no other
        try:
            for _, artefact in kept.body.files:
                await self.artefacts.get(account, artefact.id)
        except SupernetError as error:
            raise spent() from error
        headers = {"idempotent-replayed": "true"}
        return FilledResponse(kept.body, self.reader(account), media_type=kept.media_type, headers=headers)

    def reader(self, account: str) -> Read:
        """What reads the files of artefacts of this account."""
        return lambda artefact: self.artefacts.read(account, artefact.id)

    async def _begin(self, request: Request, principal: Principal, key: str | None, body: bytes) -> Run | Kept | None:
        """What the Idempotency-Key stands for; None without one."""
        if key is None:
            return None
        paid_with = request.headers.get("x-token-type", "")
        content = await self.aside(len(body), partial(fingerprint, request.url.path, paid_with, body))
        try:
            return await self.idempotency.begin(principal.account, key, content)
        except StoreError:
            raise behind() from None

    async def aside(self, size: int, call: Callable[[], T]) -> T:
        """The result of what reads a body of so many bytes."""
        if size <= ASIDE_BYTES:
            return call()
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)

    def _ended(self, run: Run | None, body: Filled | None, media_type: str = JobStream.media_type) -> None:
        if run is not None:
            self.idempotency.end(run, None if body is None else Kept(media_type, body))

    async def submit(
        self,
        job: ClientRequest,
        admitted: Admitted,
        headers: Mapping[str, str],
        name: str | None = None,
        within_s: float | None = None,
    ) -> Submission:
        """Submit a job for each choice, once the money for all is held.

        The job's `blobs` are emptied when the last choice has ended. `name`: of a request that is a part of another one
        (a round, a call), and `within_s` how long that one's client still waits for it.

        Raises insufficient_quota, queue_full, overloaded, RateLimited, idempotency_conflict, content_filter for media
        that the operator lets nobody make, or invalid_request if the headers name no proper time to wait.
        """
        timeout_s = client_timeout_s(headers) if within_s is None else within_s
        principal = admitted.principal
        if self.media_filter is not None and isinstance(job, MediaJob):
            await self.media_filter.check_request(job.request.make)
            job = job.unseen()
        with self.admission.reserve(principal, job) as reservation:
            prompt = PromptCount(min(job.prompt_bound(), job.prompt_likely()))
            self.count(job.model.id, job.request, prompt)  # while the hold is written: no worker is as fast as that
            bill = await self._open_bill(job, admitted, name)

            def ended(spec: JobSpec, end: JobEnd) -> None:
                reservation.ended(spec, end)
                bill.ended(spec, end)

            answers = await self._come_back(job, admitted, bill, prompt, ended)
        # With an Idempotency-Key it may have to begin anew elsewhere, and then draws the same.
        first = secrets.randbits(63) if admitted.run is None else drawn(bill.name)
        specs = job_specs(job, principal, headers, bill.jobs, prompt, timeout_s, first)
        if admitted.run is not None and job.piece is None and job.n == 1:
            specs = [replace(spec, stays=True) for spec in specs]
        return Submission(
            name=bill.name,
            created=int(time.time()),
            job=job,
            answers=answers or self.hub.submit(specs, ended, part=name is not None),
            silence_s=silence_s(timeout_s),
            quote=bill.quote,
            limits=reservation.limits,
            detached=admitted.run is not None,
        )

    async def _come_back(
        self, job: ClientRequest, admitted: Admitted, bill: OpenBill, prompt: PromptCount, ended: Told
    ) -> Answers | None:
        """The answer of the same request, or round, that a dead replica was asked for, if it runs on at another one."""
        run = admitted.run
        if self.come_back is None or run is None or run.instead_of is None or job.n > 1 or job.piece is not None:
            return None
        begun = job_id(bill.name, 0, run.instead_of)
        own, bill.jobs = bill.jobs, (begun,)
        try:
            answers = await self.come_back(begun, admitted.principal.account, prompt, ended)
        except BaseException:
            self.billing.give_up(bill)
            raise
        if answers is None:
            bill.jobs = own
        return answers

    async def _open_bill(self, job: ClientRequest, admitted: Admitted, name: str | None) -> OpenBill:
        """Hold the money under its name; without one under a new name, or under that of the Idempotency-Key.

        A run of the same key that came to nothing has used its name up. One whose client has been answered may still
        run: a worker has yet to say that it has let go of a choice.
        """
        run, given = admitted.run, admitted.request_id
        if name is not None:
            return await self._open_part(job, admitted, name)
        if run is None:
            own = given and own_name(given)
            new = own or secrets.token_hex(16)
            return await self.billing.open(new, job, admitted.principal, None, None if own else given)
        while run.attempt < MOST_RUNS:
            if self.billing.runs(run.name()):
                raise still_runs()
            try:
                claim = self.idempotency.claim(run)
                return await self.billing.open(run.name(), job, admitted.principal, claim, given)
            except RunsElsewhere:
                raise still_runs() from None
            except Ended as ended:
                if ended.charge:
                    break
                run.attempt += 1
        raise spent()

    async def _open_part(self, job: ClientRequest, admitted: Admitted, name: str) -> OpenBill:
        """Hold the money for a round or a call of a request. One that goes on behind a replica that died may have been
        opened there, or have come to nothing."""
        claim = None if admitted.run is None else self.idempotency.claim(admitted.run)
        for again in range(MOST_RUNS):
            try:
                part = f"{name}-{again}" if again else name
                return await self.billing.open(part, job, admitted.principal, claim, None)
            except RunsElsewhere:
                raise still_runs() from None
            except Ended as ended:
                if ended.charge:
                    break
        raise lost()


def silence_s(timeout_s: float | None) -> float:
    """How long a stream may be silent whose client waits so long; None: it has not said."""
    return KEEP_ALIVE_S if timeout_s is None else min(KEEP_ALIVE_S, timeout_s / 2)


def not_counted(model: str, request: object, prompt: PromptCount) -> None:
    """A Count where the operator wants none: a prompt's bound holds alone."""
