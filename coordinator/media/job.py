"""What a client asked to be made, read and resolved: the second kind of client's request beside ChatJob."""

from dataclasses import dataclass, field, replace

from coordinator.dispatch.effects import Report
from coordinator.ledger.pricing import Tariff, TokenType
from coordinator.media.price import units
from coordinator.request import Piece
from wire.media import EditImage, GenerateImage, MediaRequest
from wire.media_catalog import MediaSpec


@dataclass(frozen=True)
class MediaJob:
    """One making, `n` times with another seed each: every choice is a job of its own and becomes one artefact.

    It is priced by units that are known beforehand, so what is held is the price, and only what was made is paid for.
    `blobs`: the files that it is made from, by SHA-256.
    """

    model: MediaSpec
    request: MediaRequest
    n: int = 1
    seed: int | None = None
    stream: bool = False
    token_type: TokenType = "auto"
    blobs: dict[str, bytes] = field(default_factory=dict, repr=False)  # in no log, and no dump

    def unseen(self) -> "MediaJob":
        """The same without unfinished pictures on the way: what nobody has looked at is shown to nobody."""
        make = self.request.make
        if not isinstance(make, GenerateImage | EditImage) or not make.previews:
            return self
        return replace(self, request=MediaRequest(make=make.model_copy(update={"previews": 0})))

    @property
    def piece(self) -> Piece:
        return Piece(self.request.make.tool, self.units)

    @property
    def units(self) -> int:
        """Of each choice."""
        return units(self.request.make)

    def prompt_tokens(self) -> int:
        return 0

    def prompt_likely(self) -> int:
        return 0

    def prompt_bound(self) -> int:
        return 0

    def most(self, tariff: Tariff, prompt: int) -> int:
        return self.n * self.units * tariff.completion

    def delivered(self, report: Report) -> tuple[tuple[str, int], ...]:
        return () if report.worker is None else ((report.worker, self.units),)
