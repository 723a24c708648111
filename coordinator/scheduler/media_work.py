"""A picture, a film or a piece of music as work: drawn in steps, there at the end or not at all, without a token."""

from dataclasses import dataclass, field

from coordinator.scheduler.placement import Candidate
from coordinator.scheduler.prefix_affinity import PromptPrefixes
from wire.media import EditImage, GenerateMusic, MediaOffer, MediaRequest, effort, frames, media_kind, needs, pixels
from wire.offers import ModelOffer

UNKNOWN_SPEED = 0.1  # a pipeline that measured nothing is taken for a slow one, so that it still gets work
QUEUE_WAIT_S = {"image": 120.0, "audio": 300.0, "video": 1800.0}
# From its first step to the upload. A picture of 8 steps takes a card of 16 GB 10 s, a film of 5 s some minutes.
TIMEOUT_S = {
    "generate_image": 180.0,
    "edit_image": 300.0,
    "generate_music": 600.0,
    "generate_video": 1800.0,
    "sound_to_video": 1800.0,
    "video_to_video": 1800.0,
}
PATIENCE = 3.0  # times what its worker takes by its own claim
LONGEST = 4.0  # times TIMEOUT_S, whatever it claims


@dataclass(frozen=True)
class MediaWork:
    """All of it is made or nothing, one after the other: on a busy worker it takes twice as long."""

    request: MediaRequest
    prefixes: PromptPrefixes = field(default_factory=PromptPrefixes)
    tokens: int = 0
    top_logprobs: int | None = None

    @property
    def needs(self) -> frozenset[str]:
        return needs(self.request.make)

    @property
    def size(self) -> tuple[int, ...]:
        make = self.request.make
        seconds = make.seconds if isinstance(make, GenerateMusic) else 0
        images = len(make.images) if isinstance(make, EditImage) else 0
        return pixels(make), frames(make), seconds, images

    @property
    def queue_wait_s(self) -> float:
        return QUEUE_WAIT_S[media_kind(self.request.make)]

    def lacks(self, offer: ModelOffer | MediaOffer) -> str | None:
        return offer.lacks(self.request.make) if isinstance(offer, MediaOffer) else "it makes no media"

    def cost(self, prompt: int, completion: int) -> float:
        """What there is to compute: accounts share a pipeline's time, and a price says nothing of the steps."""
        return effort(self.request.make)

    def seconds(self, candidate: Candidate, answer: float) -> float:
        return effort(self.request.make) / (candidate.effort_s or UNKNOWN_SPEED) * (candidate.busy + 1)

    def timeout_s(self, offer: MediaOffer) -> float:
        """Seconds from the first step until it has to be uploaded."""
        least = TIMEOUT_S[self.request.make.tool]
        if not offer.speed:
            return least
        claimed_s = effort(self.request.make) / offer.speed * offer.slots
        return min(max(least, PATIENCE * claimed_s), LONGEST * least)
