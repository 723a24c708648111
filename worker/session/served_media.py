"""One pipeline as this worker serves it: what was offered, who holds its slots, and whether its engine runs."""

from dataclasses import dataclass, field

from wire.media import MediaOffer
from wire.offers import ModelState, ModelStatus
from worker.media_engine.port import Ready
from worker.session.served_model import state
from worker.session.slots import Slots


@dataclass
class ServedMedia:
    """One pipeline: `wished` is what its owner and the catalog would have it do, `offer` what Hello says of it, once it
    is loaded no more than it can."""

    wished: MediaOffer
    slots: Slots
    status: ModelStatus = "loading"
    offer: MediaOffer = field(init=False)

    def __post_init__(self) -> None:
        self.offer = self.wished

    def loaded(self, ready: Ready) -> bool:
        """Put into the offer what the loaded pipeline can do. False: that is what was offered already."""
        wished, before = self.wished, self.offer
        can = {
            "modes": tuple(mode for mode in wished.modes if mode in ready.modes),
            "max_pixels": min(wished.max_pixels, ready.max_pixels),
            "max_frames": min(wished.max_frames, ready.max_frames),
            "max_seconds": min(wished.max_seconds, ready.max_seconds),
            "max_images": min(wished.max_images, ready.max_images),
        }
        self.offer = wished.model_copy(update=can)
        return self.offer != before

    def state(self, draining: bool) -> ModelState:
        """Return this pipeline's entry in a Capacity frame."""
        return state(self.offer.id, self.status, self.slots, draining)
