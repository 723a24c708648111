"""Sources that say what a test writes down, and a library in memory: what rounds are driven with."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from coordinator.artefact import Artefact
from coordinator.dispatch.effects import Deliver, Failed, Finished, Made, Progressed, Report
from coordinator.dispatch.outlook import QueuePosition
from coordinator.hub.buffers import AnswerEvent
from coordinator.media.handles import Handles
from coordinator.media.job import MediaJob
from coordinator.media.ready import Ready
from coordinator.request import ChatJob, PlatformWish
from coordinator.rounds.calls import Workshop
from coordinator.rounds.costs import Costs
from coordinator.rounds.events import ToolProgress
from tests.coordinator.media.samples import CATALOG, PUBLIC_URL, READY, conversation
from wire.catalog import File, ModelSpec, Price
from wire.chat import CallDelta, ChatRequest, Content, FinishReason, Message, Part, Reasoning, Usage
from wire.errors import ErrorCode, SupernetError
from wire.messages import Delta

MODEL = ModelSpec(
    id="tiny",
    name="Tiny",
    format="qwen-json",
    repository="x/tiny",
    files=(File(name="tiny.gguf"),),
    context=32_768,
    max_output=512,
    price=Price(prompt=300, completion=900),
    licence="MIT",
)
USAGE = Usage(prompt=10, cached=4, completion=5, reasoning=1)


def chat(text: str = "draw a cat", **fields: Any) -> ChatJob:
    """A request, with `wish` or fields of ChatRequest and ChatJob."""
    wish = fields.pop("platform", PlatformWish())
    job = {name: fields.pop(name) for name in ("n", "warnings") if name in fields}
    request = ChatRequest(**{"messages": (Message(role="user", content=text),), "max_tokens": 512, **fields})
    plain: dict[str, Any] = {
        "seed": None,
        "stream": True,
        "include_usage": True,
        "continuous_usage": False,
        "token_type": "auto",
        "user": None,
        "metadata": {},
        "n": 1,
    }
    return ChatJob(model=MODEL, request=request, platform=wish, **plain | job)


def call(name: str, arguments: str, index: int = 0) -> tuple[Part, ...]:
    """A call as a worker says it, in pieces."""
    half = len(arguments) // 2
    return (
        CallDelta(index=index, name=name, arguments=arguments[:half]),
        CallDelta(index=index, arguments=arguments[half:]),
    )


def says(*parts: Part | str) -> Deliver:
    told = tuple(Content(text=part) if isinstance(part, str) else part for part in parts)
    return Deliver("job", Delta(job="job", attempt=1, seq=0, parts=told), 1)


def thinks(text: str) -> Deliver:
    return says(Reasoning(text=text))


def ends(reason: FinishReason = "stop", usage: Usage = USAGE) -> Finished:
    return Finished("job", reason, Report(usage, attempts=1, worker="w"))


def fails(message: str = "it broke", code: ErrorCode = ErrorCode.NO_WORKER) -> Failed:
    return Failed("job", SupernetError(code, message), Report(Usage(prompt=0, completion=0)))


@dataclass
class Script:
    """A source that gives its events one by one."""

    events: list[AnswerEvent]
    cancelled: bool = False
    position: QueuePosition | None = None
    choice: Callable[[AnswerEvent], int] = lambda event: 0

    def __post_init__(self) -> None:
        self.cut: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def settle(self, within_s: float) -> None: ...

    async def take(self, timeout_s: float) -> Sequence[tuple[int, AnswerEvent | ToolProgress]]:
        if not self.events:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        event = self.events.pop(0)
        return [(self.choice(event), event)]

    @property
    def waits(self) -> bool:
        return self.position is not None

    def early_error(self) -> SupernetError | None:
        return next((event.error for event in self.events if isinstance(event, Failed)), None)

    def queue_position(self) -> QueuePosition | None:
        return self.position

    def cancel(self) -> None:
        self.cancelled = True


class Price1:
    """A nano-dollar for each token, and each unit."""

    def shown(self, prompt: int, completion: int, choices: int = 1) -> dict[str, Any]:
        nano = prompt + completion
        return {"cost": nano / 10**9, "cost_nano_usd": nano, "cost_details": {"usd": f"0.{nano:09}", "spark": "0"}}


@dataclass
class Ran:
    """What has been submitted."""

    answers: Script
    quote: Price1 = field(default_factory=Price1)


def artefact(number: int = 1, media_type: str = "image/png") -> Artefact:
    return Artefact(
        f"{number:022}", f"{number:064x}", media_type, 100, made_ms=0, expires_ms=86_400_000, width=64, height=64
    )


def url(number: int = 1, ending: str = "png") -> str:
    return f"{PUBLIC_URL}/m/{number:022}.{ending}"


BROKEN, METADATA = b"broken", b"metadata"  # what a file of a test ends with


@dataclass
class Shelf:
    """A library in memory. `full`: why nothing more fits."""

    base: str = PUBLIC_URL
    files: dict[str, bytes] = field(default_factory=dict)
    full: str = ""

    def link(self, artefact: Artefact) -> str:
        return f"{self.base}/m/{artefact.id}.{ {'image/png': 'png', 'video/mp4': 'mp4'}[artefact.media_type] }"

    async def get(self, account: str, name: str) -> Artefact:
        if name not in self.files:
            raise SupernetError(ErrorCode.NOT_FOUND, "There is no such media.")
        return artefact(7)

    async def read(self, account: str, name: str, most_bytes: int) -> bytes:
        return self.files[name]

    async def read_sent(self, account: str, data: bytes, media_type: str) -> tuple[object, bytes]:
        if data.endswith(BROKEN):
            raise SupernetError(ErrorCode.INVALID_MEDIA, "The file is damaged or cut off.")
        return None, data.removesuffix(METADATA)

    async def check_room(self, account: str) -> None:
        if self.full:
            raise SupernetError(ErrorCode.INSUFFICIENT_QUOTA, self.full)


def drawing(number: int = 1) -> list[AnswerEvent]:
    return [
        Progressed("job", "denoising", 4, 8),
        Made("job", artefact(number)),
        Finished("job", "stop", Report(Usage(prompt=0, completion=0), worker="w")),
    ]


class Studio:
    """Makes what calls ask for: each job takes the next of `scripts`, or raises it."""

    def __init__(self, *scripts: list[AnswerEvent] | SupernetError, left_s: float | None = None) -> None:
        self.scripts = list(scripts)
        self.jobs: list[tuple[str, MediaJob]] = []
        self.ran: list[Script] = []
        self.shelf = Shelf()
        self.crowded = ""  # why no file is read now
        self.costs = Costs()
        self.ready: Ready = READY
        self._left_s = left_s

    def workshop(self, handles: Handles | None = None) -> Workshop:
        return Workshop(
            account="me",
            token_type="auto",
            catalog=CATALOG,
            ready=lambda: self.ready,
            library=self.shelf,
            handles=handles or conversation("image"),
            submit=self.submit,
            enter=self.enter,
            left_s=lambda: self._left_s,
            draw=lambda: 42,
            paid=self.costs.made,
        )

    async def enter(self, places: AsyncExitStack) -> None:
        if self.crowded:
            raise SupernetError(ErrorCode.OVERLOADED, self.crowded)

    async def submit(self, job: MediaJob, name: str) -> Ran:
        self.jobs.append((name, job))
        script = self.scripts.pop(0)
        if isinstance(script, SupernetError):
            raise script
        ran = Script(script)
        self.ran.append(ran)
        return Ran(ran)
