"""What a client asked for, read and resolved: what limits, money and intake ask of a request, whatever its kind.

Each kind is a class with these methods, made by the readers of its own endpoints: ChatJob here, MediaJob in
media/job.py.
"""

from dataclasses import dataclass, field
from typing import Protocol

from coordinator.attachment import Attachment
from coordinator.dispatch.effects import Report
from coordinator.ledger import pricing
from coordinator.ledger.pricing import Tariff, TokenType
from coordinator.prompt_count.bound import prompt_bound
from coordinator.prompt_count.likely import likely_most
from coordinator.scheduler import prefix_affinity
from wire.catalog import ModelSpec
from wire.chat import ChatRequest
from wire.media import ImageFormat
from wire.request import Request


class Model(Protocol):
    """An entry of the catalog, of a kind that can be asked for."""

    @property
    def id(self) -> str: ...


@dataclass(frozen=True)
class Piece:
    """Something that is sold whole: a choice that is finished is paid for, whatever becomes of the others. `units`: how
    many times the price of its model it costs."""

    kind: str
    units: int


class ClientRequest(Protocol):
    """One HTTP request, resolved. `request` is the same for all `n` choices; `seed` None: the coordinator draws one."""

    @property
    def model(self) -> Model: ...

    @property
    def request(self) -> Request: ...

    @property
    def n(self) -> int: ...

    @property
    def seed(self) -> int | None: ...

    @property
    def stream(self) -> bool: ...

    @property
    def token_type(self) -> TokenType: ...

    @property
    def blobs(self) -> dict[str, bytes]:
        """The files that the request names, by SHA-256. Empty again once its last choice has ended."""
        ...

    @property
    def piece(self) -> Piece | None:
        """What each choice is, if it is sold by the piece; None: by the token."""
        ...

    def prompt_tokens(self) -> int:
        """About how many tokens the prompt of each choice has, for the rate limits; 0 where there is none."""
        ...

    def prompt_likely(self) -> int:
        """The most tokens by experience with such text. Of a worker's claim no more is paid or billed, unless the
        prompt is counted."""
        ...

    def prompt_bound(self) -> int:
        """The most tokens that the prompt of each choice can have: what a worker claims beyond is not paid."""
        ...

    def most(self, tariff: Tariff, prompt: int) -> int:
        """The largest bill of all choices, in nano-dollars, where `prompt` is the prompt_bound."""
        ...

    def delivered(self, report: Report) -> tuple[tuple[str, int], ...]:
        """What the client has of a choice that is paid for: (worker key, units that it made), in the unit of which
        `Tariff.completion` is the price. For chat that is a token."""
        ...


@dataclass(frozen=True)
class PictureWish:
    """How a client wants the pictures that its model has drawn: as things of the answer, whose text needs no links.

    `tools`: names of those that may draw one. `size` in pixels and `model`: for every picture, whatever the model says;
    without them as it says. `previews`: how many unfinished ones it is shown on the way."""

    tools: frozenset[str]
    format: ImageFormat = "png"
    previews: int = 0
    size: tuple[int, int] | None = None
    model: str = ""


@dataclass(frozen=True)
class PlatformWish:
    """What a request says of the platform tools. `wanted` None: nothing. `run` False: calls of them go to the client.
    `progress`: it wants to be told how far a call is. `choice`: its tool_choice, whatever tools there are, and
    `allowed` those of them that may be called; None: all. `pictures`: it wants pictures drawn, and as they are; None:
    links in the text."""

    wanted: bool | None = None
    run: bool = True
    progress: bool = False
    choice: str = "auto"
    allowed: frozenset[str] | None = None
    pictures: PictureWish | None = None
    declared: tuple[str, ...] = ()  # names of those that the model is told of, once that is known


@dataclass(frozen=True)
class ChatJob:
    """A chat: priced by the token, and every token that was delivered counts, however the answer ended.

    `warnings`: what the answer says of the request itself, which was taken and could not be done. `pictures`: where the
    request has each, in their order. `attachments`: what the request brings for tools, in the conversation's order.
    """

    model: ModelSpec
    request: ChatRequest
    n: int
    seed: int | None
    stream: bool
    include_usage: bool
    continuous_usage: bool
    token_type: TokenType
    user: str | None
    metadata: dict[str, str]
    warnings: tuple[str, ...] = ()
    blobs: dict[str, bytes] = field(default_factory=dict, repr=False)  # in no log, and no dump
    pictures: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    platform: PlatformWish = PlatformWish()

    @property
    def piece(self) -> Piece | None:
        return None

    def prompt_tokens(self) -> int:
        return prefix_affinity.prompt_tokens(self.request)

    def prompt_likely(self) -> int:
        return likely_most(self.request, self.model.format)

    def prompt_bound(self) -> int:
        return prompt_bound(self.request, self.model.context)

    def most(self, tariff: Tariff, prompt: int) -> int:
        return pricing.most(tariff, prompt, self.request.max_tokens, self.model.context, self.n)

    def delivered(self, report: Report) -> tuple[tuple[str, int], ...]:
        return report.served
