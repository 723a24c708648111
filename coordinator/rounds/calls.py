"""The calls of one round as they are carried out: media jobs side by side, and what they say, newest only."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Protocol

from coordinator.artefact import Artefact
from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Progressed
from coordinator.ledger.pricing import TokenType
from coordinator.media.arguments import BadCall, read
from coordinator.media.handles import MOST_BYTES, WORDS, Handles, Medium, known_type
from coordinator.media.job import MediaJob
from coordinator.media.makings import Order, order, placed
from coordinator.media.ready import Ready
from coordinator.media.results import Piece, Result
from coordinator.request import PictureWish
from coordinator.rounds.costs import Priced
from coordinator.rounds.course import MOST_ARTEFACTS, MOST_CALLS, Wanted
from coordinator.rounds.events import ToolProgress
from coordinator.rounds.submitted import Submitted
from wire.errors import SupernetError
from wire.media import MediaRequest, effort
from wire.media_catalog import MediaSpec

AT_ONCE = 2  # calls of one request
TAKE_S = 30.0
TELL_S = 10.0  # a stream is never silent for longer while a tool runs: proxies end a silent one


class Library(Protocol):
    """What is stored here. Every method that waits raises SupernetError."""

    @property
    def base(self) -> str:
        """The address of its links, without a slash at the end."""
        ...

    def link(self, artefact: Artefact) -> str: ...

    async def get(self, account: str, name: str) -> Artefact: ...

    async def read(self, account: str, name: str, most_bytes: int) -> bytes: ...

    async def read_sent(self, account: str, data: bytes, media_type: str) -> tuple[object, bytes]:
        """What a file is that came with a request, and the file, verified."""
        ...

    async def check_room(self, account: str) -> None: ...


@dataclass(frozen=True)
class Workshop:
    """What the calls of one request work with. `submit` has a job run under a name of its own. `enter` waits for a
    place among those who read files. `left_s`: how long the client still waits; None: as long as it takes."""

    account: str
    token_type: TokenType
    catalog: tuple[MediaSpec, ...]
    ready: Callable[[], Ready]
    library: Library
    handles: Handles
    submit: Callable[[MediaJob, str], Awaitable[Submitted]]
    enter: Callable[[AsyncExitStack], Awaitable[None]]
    left_s: Callable[[], float | None]
    draw: Callable[[], int]  # a seed
    paid: Callable[[Priced, int], int]  # told of units that were made: what they cost
    pictures: PictureWish | None = None


class Calls:
    """`name`: of the round. `artefacts`: how many the request has already. `known`: what came of some of the calls
    before, and has been told."""

    def __init__(
        self, workshop: Workshop, name: str, wanted: Sequence[Wanted], artefacts: int, known: Sequence[Result] = ()
    ) -> None:
        self._workshop = workshop
        self._name = name
        self._wanted = wanted
        self._room = MOST_ARTEFACTS - artefacts - sum(len(result.pieces) for result in known)
        self._results = {result.call_id: result for result in known}
        left = [call for call in wanted if call.id not in self._results]
        self._now = {
            call.id: ToolProgress(f"{name}.{call.place}", call.id, call.name, call.arguments, "queued") for call in left
        }
        self._news = dict.fromkeys(self._now)  # ids of calls of which there is something to say, the oldest first
        self._woken = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._began: dict[str, float] = {}
        self._tasks = [asyncio.create_task(self._one(call), name="platform tool") for call in left]
        for task in self._tasks:
            task.add_done_callback(lambda _: self._woken.set())

    @property
    def results(self) -> list[Result] | None:
        """What came of all of them, in their order; None while one runs or has not been told."""
        if self._news or len(self._results) < len(self._wanted):
            return None
        return [self._results[call.id] for call in self._wanted]

    async def take(self, timeout_s: float) -> list[ToolProgress]:
        """The newest of each call that has something new; after a time without anything, how it stands."""
        if not self._news:
            self._woken.clear()
            try:
                async with asyncio.timeout(min(timeout_s, TELL_S)):
                    await self._woken.wait()
            except TimeoutError:
                return [now for now in self._now.values() if now.status == "running"][:1]
        for task in self._tasks:
            if task.done():
                task.result()  # what is no SupernetError is a fault of ours, and is not told as a tool's
        told = [self._now[call] for call in self._news]
        self._now |= {now.call_id: replace(now, preview="") for now in told}  # each preview is told once
        self._news = {}
        return told

    def cancel(self) -> None:
        """Nobody waits for them any more. Each cancels its own jobs."""
        for task in self._tasks:
            task.cancel()

    # ---- one call ------------------------------------------------------------------------------------------------

    async def _one(self, call: Wanted) -> None:
        try:
            if call.place > MOST_CALLS:
                raise BadCall(f"at most {MOST_CALLS} calls are run in a round: call again in the next one")
            async with self._places:
                result = await self._made(call)
        except BadCall as error:
            result = Result(call.id, call.name, error=str(error))
        except SupernetError as error:
            result = Result(call.id, call.name, error=error.message, code=error.code)
        self._results[call.id] = result
        now = self._now[call.id]
        if result.success:
            self._tell(replace(now, status="done", percent=100, result=result))
        else:
            self._tell(replace(now, status="failed", result=result))

    async def _made(self, call: Wanted) -> Result:
        """Raises BadCall and SupernetError."""
        shop = self._workshop
        wish = order(read(call.name, call.arguments), shop.catalog, shop.ready(), shop.handles, shop.pictures)
        if wish.variations > self._room:
            raise BadCall(f"at most {MOST_ARTEFACTS} artefacts are made for one request: make fewer")
        self._room -= wish.variations
        self._check_time(wish)
        await shop.library.check_room(shop.account)
        async with AsyncExitStack() as places:
            if wish.media:
                await shop.enter(places)  # until the memory for its files has been counted
            files = [await self._file(medium) for medium in wish.media]
            job = MediaJob(
                model=wish.spec,
                request=MediaRequest(make=placed(wish.make, [digest for digest, _ in files])),
                n=wish.variations,
                seed=shop.draw() if wish.seed is None else wish.seed,
                stream=shop.left_s() is None,
                token_type=shop.token_type,
                blobs=dict(files),
            )
            submitted = await shop.submit(job, f"{self._name}.{call.place}")
        try:
            return await self._followed(call, wish, job, submitted)
        finally:
            submitted.answers.cancel()

    def _check_time(self, wish: Order) -> None:
        """Refuse what the client will not wait for."""
        left_s = self._workshop.left_s()
        speeds = [offer.speed for offer in self._workshop.ready().offers.get(wish.spec.id, ())]
        fastest = max(speeds, default=0.0)
        if left_s is not None and fastest and effort(wish.make) / fastest > left_s:
            seconds = effort(wish.make) / fastest
            raise BadCall(
                f"it takes about {seconds:.0f} s, and the user's program waits {left_s:.0f} s more: "
                "it has to ask for a stream"
            )

    async def _file(self, medium: Medium) -> tuple[str, bytes]:
        """Its digest and its bytes, verified before a worker gets them. Raises BadCall and SupernetError."""
        library, account = self._workshop.library, self._workshop.account
        if medium.verified:
            return medium.sha256, medium.data
        if medium.sha256:
            _, data = await library.read_sent(account, medium.data, known_type(medium.data) or "")
            return sha256(data).hexdigest(), data
        stored = await library.get(account, medium.artefact)
        if not stored.media_type.startswith(medium.kind):
            raise BadCall(f"that link leads to {stored.media_type}, and a {WORDS[medium.kind]} is wanted")
        return stored.sha256, await library.read(account, medium.artefact, MOST_BYTES[medium.kind])

    async def _followed(self, call: Wanted, wish: Order, job: MediaJob, submitted: Submitted) -> Result:
        """Wait for all variations. Those that fail leave the others; if all do, raises the error of the first."""
        pieces: dict[int, Piece] = {}
        errors: dict[int, SupernetError] = {}
        percents = dict.fromkeys(range(job.n), 0)
        ended = 0
        while ended < job.n:
            for choice, event in await submitted.answers.take(TAKE_S):
                match event:
                    case Progressed():
                        percents[choice] = max(percents[choice], event.percent)
                        preview = "" if choice else event.preview
                        self._progress(call, sum(percents.values()) // job.n, preview)
                    case Made():
                        pieces[choice] = self._piece(event.artefact, wish, choice)
                        percents[choice] = 100
                    case Finished():
                        ended += 1
                    case Failed():
                        ended += 1
                        errors[choice] = event.error
                    case Deliver():
                        pass  # of chats
        if not pieces:
            raise errors[min(errors)]
        failed = (f"{len(errors)} of {job.n} failed: {errors[min(errors)].message}",) if errors else ()
        return Result(
            call.id,
            call.name,
            tuple(pieces[choice] for choice in sorted(pieces)),
            wish.kind,
            wish.spec.id,
            wish.make.prompt,
            job.seed,
            wish.notes + failed,
            cost_nano=self._workshop.paid(submitted.quote, job.units * len(pieces)),
        )

    def _piece(self, made: Artefact, wish: Order, choice: int) -> Piece:
        medium = Medium(wish.kind, artefact=made.id)
        return Piece(made, self._workshop.library.link(made), self._workshop.handles.add(medium), choice)

    def _progress(self, call: Wanted, percent: int, preview: str) -> None:
        now, clock = self._now[call.id], asyncio.get_running_loop().time()
        began = self._began.setdefault(call.id, clock)
        percent = max(percent, now.percent)
        eta_s = (clock - began) * (100 - percent) / percent if percent >= 10 and clock > began else None
        self._tell(replace(now, status="running", percent=percent, eta_s=eta_s, preview=preview or now.preview))

    def _tell(self, news: ToolProgress) -> None:
        self._now[news.call_id] = news
        self._news[news.call_id] = None
        self._woken.set()
