"""One model as this worker serves it: what was offered, who holds its slots, and whether its engine runs."""

from dataclasses import dataclass, field

from wire.blobs import VISION
from wire.offers import ModelOffer, ModelState, ModelStatus
from worker.engine.port import Pulse
from worker.session.guesses import guesses
from worker.session.slots import Slots


@dataclass
class ServedModel:
    """One model: `offer` is what Hello says of it, `status` the state of its engine, `pulse` what that has done."""

    offer: ModelOffer
    slots: Slots
    status: ModelStatus = "loading"
    pulse: Pulse = field(default_factory=Pulse)

    def seen(self, image_ms: float | None) -> bool:
        """Put into the offer whether the loaded model sees, and how fast. False: that is what was offered already."""
        if (VISION in self.offer.features) == (image_ms is not None):
            return False
        others = tuple(feature for feature in self.offer.features if feature != VISION)
        features = others if image_ms is None else (*others, VISION)
        self.offer = self.offer.model_copy(update={"features": features, "image_ms": image_ms})
        return True

    def state(self, draining: bool) -> ModelState:
        """Return this model's entry in a Capacity frame."""
        pulse = self.pulse
        done = {
            "tokens_per_step": round(pulse.generated_tokens / pulse.draws, 3) if pulse.draws else 0,
            "guesses": guesses(pulse.guesses),
        }
        return state(self.offer.id, self.status, self.slots, draining).model_copy(update=done)


def state(name: str, status: ModelStatus, slots: Slots, draining: bool) -> ModelState:
    """Return an entry of a Capacity frame. A worker that drains has no free slot."""
    ready = status == "ready" and not draining
    return ModelState(id=name, status=status, slots=slots.offered, free=slots.free if ready else 0)
