"""The coordinator's end of the protocol, as small as it can be, and a witness: whatever the worker under test says is
held against the frames' schemas, the table of a job's states and the sequence numbers.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from wire import messages as wire
from wire.chat import ChatRequest, Message, Sampling
from wire.codec import MAX_BEFORE_WELCOME_BYTES, MAX_TO_COORDINATOR_BYTES, encode, to_coordinator
from wire.errors import SupernetError
from wire.job_state import ENDED, IllegalTransition, JobMessage, JobState, advance
from wire.offers import ModelOffer, ModelState

ANSWER_S = 10.0  # an answer that needs no engine
JOB_S = 120.0  # an answer of a few tokens
READY_S = 600.0  # from the first hello: a model is loaded, perhaps downloaded
DIAL_S = 45.0  # the longest pause between two dials, and the dial
KEY = "sk-conformance"


class Violation(Exception):
    """The worker did what the protocol does not allow, or not what it asks for; the text says which."""


@dataclass
class Attempt:
    """What has come of one attempt."""

    start: wire.Start
    state: JobState = JobState.OFFERED
    frames: list[Any] = field(default_factory=list)  # with sequence numbers, in order
    end: Any = None

    @property
    def tokens(self) -> list[int]:
        return [token for frame in self.frames if isinstance(frame, wire.Delta) for token in frame.tokens]

    def take(self, frame: Any) -> None:
        message = JobMessage.DELTA if isinstance(frame, wire.Delta) else JobMessage(frame.type)
        try:
            self.state = advance(self.state, message)
        except IllegalTransition as error:
            raise Violation(f"{message} of {self.start.job}: {error}") from None
        if isinstance(frame, wire.Accepted):
            return
        if not isinstance(frame, wire.Refused):
            if frame.seq != len(self.frames):
                raise Violation(f"{message} of {self.start.job} has seq {frame.seq}: {len(self.frames)} comes next")
            self.frames.append(frame)
        if self.state in ENDED:
            self.end = frame


class Link:
    """One socket, from hello on."""

    def __init__(
        self, socket: ServerConnection, hello: wire.Hello, attempts: dict[tuple[str, int], Attempt], pace: float
    ) -> None:
        self.socket = socket
        self.hello = hello
        self._pace = pace
        self.session = ""
        self.attempts = attempts
        self.acking = True
        self.capacity: wire.Capacity | None = None
        self.capacities = 0
        self.errors: list[wire.Error] = []
        self.draining: wire.Draining | None = None

    @property
    def model(self) -> ModelOffer:
        return self.hello.models[0]

    @property
    def state(self) -> ModelState | None:
        """What the last capacity said of the first model."""
        states = self.capacity.models if self.capacity else ()
        return next((state for state in states if state.id == self.model.id), None)

    async def send(self, message: BaseModel | str) -> None:
        await self.socket.send(message if isinstance(message, str) else encode(message))

    async def welcome(self, **options: Any) -> None:
        self.session = f"conformance-{id(self):x}"
        await self.send(wire.Welcome(session=self.session, **options))

    async def ready(self) -> None:
        await self.until(lambda: self.state is not None and self.state.status == "ready", "a ready model", READY_S)

    async def until(self, condition: Callable[[], Any], what: str, within_s: float = ANSWER_S) -> None:
        """Take frames until the condition holds. Raises Violation when it does not in time, or the line ends."""
        try:
            async with asyncio.timeout(within_s * self._pace):
                while not condition():
                    await self._step()
        except TimeoutError:
            raise Violation(f"waited {within_s:.0f} s for {what}") from None
        except ConnectionClosed as closed:
            raise Violation(f"the worker closed the connection instead of {what}: {closed}") from None

    async def silence(self, seconds: float) -> None:
        """Take whatever comes in that time."""
        try:
            async with asyncio.timeout(seconds * self._pace):
                while True:
                    await self._step()
        except TimeoutError:
            pass
        except ConnectionClosed as closed:
            raise Violation(f"the worker closed the connection: {closed}") from None

    async def _step(self) -> None:
        message = decoded(await self.socket.recv())
        match message:
            case wire.Hello():
                raise Violation("hello is said once")
            case wire.Capacity():
                self.capacity, self.capacities = message, self.capacities + 1
            case wire.Draining():
                self.draining = message
            case wire.Error():
                self.errors.append(message)
            case wire.Issue():
                pass
            case wire.Deltas():
                for delta in message.items:
                    await self._job(delta)
            case _:
                await self._job(message)

    async def _job(self, frame: Any) -> None:
        attempt = self.attempts.get((frame.job, frame.attempt))
        if attempt is None:
            raise Violation(f"a frame of {frame.job}, attempt {frame.attempt}, which was never started or is over")
        attempt.take(frame)
        if self.acking and attempt.frames:
            await self.ack(attempt)

    async def ack(self, attempt: Attempt) -> None:
        item = wire.AckItem(job=attempt.start.job, attempt=attempt.start.attempt, next_seq=len(attempt.frames))
        with suppress(ConnectionClosed):  # it may have left after its last frame, which is still to be read
            await self.send(wire.Ack(items=(item,)))

    # ---- jobs ----------------------------------------------------------------------------------------------------

    def offer(self, tokens: int, job: str, **more: Any) -> Attempt:
        """An attempt that is known and not sent yet."""
        request = ChatRequest(
            messages=(Message(role="user", content="Count from one to one hundred."),),
            max_tokens=tokens,
            ignore_eos=True,
            thinking=False,
            sampling=Sampling(temperature=0),
        )
        fields = {"job": job, "attempt": 1, "model": self.model.id, "request": request, "seed": 7, **more}
        attempt = Attempt(wire.Start(**fields))
        self.attempts[job, fields["attempt"]] = attempt
        return attempt

    async def start(self, tokens: int, job: str, **more: Any) -> Attempt:
        attempt = self.offer(tokens, job, **more)
        await self.send(attempt.start)
        return attempt

    async def served(self, attempt: Attempt) -> None:
        """Until its end, which must be Done."""
        await self.until(lambda: attempt.end, f"the end of {attempt.start.job}", JOB_S)
        if not isinstance(attempt.end, wire.Done):
            raise Violation(f"{attempt.start.job} ended as {attempt.end.type}: {getattr(attempt.end, 'message', '')}")

    async def cancel(self, attempt: Attempt) -> None:
        attempt.state = advance(attempt.state, JobMessage.CANCEL)
        await self.send(wire.Cancel(job=attempt.start.job, attempt=attempt.start.attempt))


class Coordinator:
    """Takes the worker's dials, one link at a time. Attempts outlive a link, as they do in earnest. All patience is
    multiplied by `pace`."""

    def __init__(self, pace: float) -> None:
        self.port = 0
        self.pace = pace
        self.attempts: dict[tuple[str, int], Attempt] = {}
        self._dials: asyncio.Queue[ServerConnection] = asyncio.Queue()
        self._link: Link | None = None
        self._jobs = 0

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def job(self) -> str:
        self._jobs += 1
        return f"conformance.{self._jobs}"

    async def dialled(self, within_s: float = DIAL_S) -> Link:
        """The next connection, with its hello, not welcomed yet. Raises Violation."""
        try:
            socket = await asyncio.wait_for(self._dials.get(), within_s * self.pace)
        except TimeoutError:
            raise Violation(f"no dial within {within_s:.0f} s") from None
        head = socket.request
        assert head is not None, "the handshake is over"
        if head.path != wire.WORKER_PATH:
            raise Violation(f"dialled {head.path}: the path is {wire.WORKER_PATH}")
        if head.headers.get("Authorization") != f"Bearer {KEY}":
            raise Violation("the key does not stand in the header Authorization as Bearer KEY")
        if socket.subprotocol != wire.SUBPROTOCOL:
            raise Violation(f"does not ask for the subprotocol {wire.SUBPROTOCOL}")
        try:
            frame = await asyncio.wait_for(socket.recv(), wire.HELLO_TIMEOUT_S * self.pace)
        except TimeoutError:
            raise Violation(f"no hello within {wire.HELLO_TIMEOUT_S:.0f} s") from None
        except ConnectionClosed:
            raise Violation("closed the connection instead of saying hello") from None
        if len(frame) > MAX_BEFORE_WELCOME_BYTES:
            raise Violation(f"a hello of {len(frame)} characters: the limit is {MAX_BEFORE_WELCOME_BYTES}")
        hello = decoded(frame)
        if not isinstance(hello, wire.Hello):
            raise Violation(f"the first frame is {hello.type}: it must be hello")
        self._link = Link(socket, hello, self.attempts, self.pace)
        return self._link

    async def link(self) -> Link:
        """A welcomed link with a ready model: the one that stands, or the next."""
        link = self._link
        if link is None or link.socket.close_code is not None or not link.session:
            link = await self.dialled()
            await link.welcome()
            await link.ready()
        link.acking = True
        return link

    async def drop(self) -> None:
        """Cut the line, as a router does that loses power."""
        if self._link is not None:
            self._link.socket.transport.abort()
            await self._link.socket.wait_closed()
            self._link = None

    async def take(self, socket: ServerConnection) -> None:
        await self._dials.put(socket)
        await socket.wait_closed()


def decoded(frame: str | bytes) -> Any:
    try:
        return to_coordinator(frame)
    except SupernetError as error:
        kind = ""
        if isinstance(frame, str) and len(frame) < 10_000:
            try:
                kind = f" (type {json.loads(frame).get('type')!r})"
            except (ValueError, AttributeError):
                pass
        raise Violation(f"sent an invalid frame{kind}: {error.message}") from None


@asynccontextmanager
async def listening(port: int = 0, pace: float = 1.0) -> AsyncIterator[Coordinator]:
    coordinator = Coordinator(pace)
    async with serve(
        coordinator.take,
        "127.0.0.1",
        port,
        subprotocols=[wire.SUBPROTOCOL],  # type: ignore[list-item]
        select_subprotocol=lambda _, offered: next((each for each in offered if each == wire.SUBPROTOCOL), None),
        compression=None,
        max_size=MAX_TO_COORDINATOR_BYTES,
        close_timeout=2,
    ) as server:
        coordinator.port = next(iter(server.sockets)).getsockname()[1]
        yield coordinator
