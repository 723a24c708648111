"""Platform tools around a chat: which ones its model is told of, and the rounds in which they are run.

Round 1 of a request N is the request itself, under its own name; round r is `N.r` and its call c `N.r.c`, each with a
hold of its own. Repeating a request cannot pay twice for any of them. How far one with an Idempotency-Key has come is
noted beside the key: if its replica dies, another goes on there.
"""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from coordinator.accounts.keys_in_use import Principal
from coordinator.admission.idempotency import Run
from coordinator.api.answering import Answering, Submission
from coordinator.api.client_headers import client_timeout_s
from coordinator.api.intake import Admitted, Intake, silence_s
from coordinator.api.media_inputs import read_attachment
from coordinator.api.media_ready import MediaReady
from coordinator.artefacts.artefacts import Artefacts
from coordinator.dispatch.drain import shutting_down
from coordinator.media.handles import Handles
from coordinator.media.results import Result
from coordinator.request import ChatJob, ClientRequest
from coordinator.rounds.calls import Calls, Workshop
from coordinator.rounds.costs import Costs
from coordinator.rounds.course import Course, Wanted
from coordinator.rounds.handed import handed
from coordinator.rounds.offer import Mode, given, offered, served
from coordinator.rounds.rounds import Rounds
from coordinator.rounds.standing import Standing, made, read, write
from wire.chat import ChatRequest
from wire.errors import ErrorCode, SupernetError

LOOK_S = 1.0  # how long a look at the workers is good for
# How long a client waits for a whole answer that does not say it: Sogni's SDKs do for 300 s, and Node's fetch gives up
# on headers after as many, whatever its caller would bear (Node 24: 301.7 s; openai 7.59 on it: 301.6 s).
WHOLE_S = 300.0
SEED_BITS = 53  # a seed that JSON readers of any language have exactly
HEADER = "x-supernet-platform-tools"


@dataclass
class _Look:
    """What the workers served when somebody last looked."""

    at: float = -LOOK_S
    tools: frozenset[str] = frozenset()
    contexts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PlatformTools:
    """The six tools as this coordinator offers them. `mode`: whether the operator has them declared unasked."""

    intake: Intake
    artefacts: Artefacts
    mode: Mode
    media: MediaReady
    _look: _Look = field(default_factory=_Look)

    def declared(self, job: ChatJob, principal: Principal, asked: bool = False) -> ChatJob:
        """The request with the tools that it gets. `asked`: only if it asks for them, whatever the operator wants.
        Raises invalid_request for one that cannot do without a tool that it does not get."""
        mode: Mode = "opt-in" if asked and self.mode == "default" else self.mode
        tools = self._tools()
        context = self._context(job) if tools else 0
        return given(job, offered(job, tools, context, mode, principal.platform_tools))

    async def submit(self, job: ChatJob, admitted: Admitted, headers: Mapping[str, str]) -> Answering:
        """Submit the first round, behind which the others come; or go on where a replica that is dead had come to.
        Raises what Intake.submit raises."""
        handles = None
        standing = read(admitted.run.mark) if admitted.run is not None and admitted.run.mark is not None else None
        if (job.platform.declared and job.platform.run) or standing is not None:
            job, handles = await self._handed(job, admitted.principal.account)
        if admitted.run is not None and standing is not None and handles is not None:
            return await self._resumed(job, admitted, admitted.run, headers, handles, standing)
        first = await self.intake.submit(job, admitted, headers)
        if not job.platform.declared:
            return first
        first = replace(first, limits=first.limits | {HEADER: ", ".join(job.platform.declared)})
        if handles is None:
            return first
        request = _Request(self, job, admitted, headers, first.name, handles)
        return Answering(
            name=first.name,
            created=first.created,
            job=job,
            answers=request.rounds(first),
            silence_s=first.silence_s,
            quote=request.costs,
            limits=first.limits,
            detached=first.detached,
        )

    async def _resumed(
        self,
        job: ChatJob,
        admitted: Admitted,
        run: Run,
        headers: Mapping[str, str],
        handles: Handles,
        standing: Standing,
    ) -> Answering:
        """The whole answer, of which a part was given and paid for elsewhere. Raises idempotency_conflict if another
        replica has it by now, shutting_down."""
        if self.intake.hub.dispatch.draining:  # else its next round is taken, as of a request that is being answered
            raise shutting_down("this replica is about to end: try again in a moment")
        await self.intake.idempotency.follow(run)
        for medium in made(standing):
            handles.add(medium)
        request = _Request(self, job, admitted, headers, run.name(), handles)
        return Answering(
            name=run.name(),
            created=int(time.time()),
            job=job,
            answers=request.rounds(standing),
            silence_s=silence_s(client_timeout_s(headers)),
            quote=request.costs,
            limits={HEADER: ", ".join(job.platform.declared)} if job.platform.declared else {},
            detached=True,
        )

    async def _handed(self, job: ChatJob, account: str) -> tuple[ChatJob, Handles]:
        """The request as its model is told of all that it has for tools. Raises invalid_request for an attachment that
        cannot be read, overloaded."""
        brought = [await read_attachment(self.artefacts, account, one) for one in job.attachments]
        return handed(job, self.artefacts.base, brought)

    def _tools(self) -> frozenset[str]:
        """Names of the tools that somebody serves, looked up once a second at most: each chat asks."""
        if self.mode == "off" or not self.intake.catalog.now.media:
            return frozenset()
        now = self.intake.hub.now()
        if now - self._look.at >= LOOK_S:
            self._look.at, self._look.contexts = now, {}
            self._look.tools = served(self.intake.catalog.now.media, self.media.now())
        return self._look.tools

    def _context(self, job: ChatJob) -> int:
        """Tokens that the best worker of the model has for a request; those of the catalog while there is none."""
        known = self._look.contexts
        if job.model.id not in known:
            longest = self.intake.hub.dispatch.online(job.model.id).context
            known[job.model.id] = min(longest or job.model.context, job.model.context)
        return known[job.model.id]


class _Request:
    """One request whose tools are run: how its rounds and its calls are submitted."""

    def __init__(
        self,
        tools: PlatformTools,
        job: ChatJob,
        admitted: Admitted,
        headers: Mapping[str, str],
        name: str,
        handles: Handles,
    ) -> None:
        self._tools = tools
        self._job = job
        self._admitted = admitted
        self._headers = headers
        self._name = name
        self._files = dict(job.blobs)  # once more for each round: those of one are taken out of it when it has ended
        self._handles = handles
        self._clock = asyncio.get_running_loop().time
        self._until = None if job.stream else self._clock() + (client_timeout_s(headers) or WHOLE_S)
        self.costs = Costs()

    def rounds(self, first: Submission | Standing) -> Rounds:
        """The whole answer, of which this is the beginning."""
        job, run = self._job, self._admitted.run
        apart = job.platform.pictures.tools if job.platform.pictures is not None else ()
        course, names = Course(self._name, job.request, apart), frozenset(job.platform.declared)
        note, requests = None if run is None else partial(self._note, run), self._tools.intake.hub.requests
        rounds = Rounds(course, first, names, self.costs, self.ask, self.run, partial(requests.discard, self), note)
        requests.add(self)
        return rounds

    def _note(self, run: Run, standing: Standing) -> None:
        self._tools.intake.idempotency.mark(run, write(standing))

    def left_s(self) -> float | None:
        """How long the client still waits for a whole answer; None: a stream takes as long as it likes."""
        return None if self._until is None else max(1.0, self._until - self._clock())

    async def ask(self, request: ChatRequest, number: int) -> Answering:
        """Submit a round behind the first. Raises no_worker where the operator has removed the model since."""
        try:
            return await self._submit(replace(self._job, request=request, blobs=dict(self._files)), str(number))
        except SupernetError as error:
            if error.code is not ErrorCode.MODEL_NOT_FOUND:
                raise
            message = (
                f"The model {self._job.model.id} was taken out of service while your request's tools ran: what they"
                " made is yours, and the answer ends here. Ask another model to go on."
            )
            raise SupernetError(ErrorCode.NO_WORKER, message) from None

    def run(self, number: int, wanted: list[Wanted], artefacts: int, known: Sequence[Result]) -> Calls:
        """Begin the calls of a round."""
        workshop = Workshop(
            account=self._admitted.principal.account,
            token_type=self._job.token_type,
            catalog=self._tools.intake.catalog.now.media,
            ready=self._tools.media.now,
            library=self._tools.artefacts,
            handles=self._handles,
            submit=self._submit,
            enter=partial(self._tools.intake.large_bodies.enter, self._admitted.principal.account),
            left_s=self.left_s,
            draw=lambda: secrets.randbits(SEED_BITS),
            paid=self.costs.made,
            pictures=self._job.platform.pictures,
        )
        return Calls(workshop, str(number), wanted, artefacts, known)

    async def _submit(self, job: ClientRequest, name: str) -> Answering:
        intake = self._tools.intake
        return await intake.submit(job, self._admitted, self._headers, f"{self._name}.{name}", self.left_s())
