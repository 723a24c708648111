"""One model as this worker serves it: what was offered, who holds its slots, and whether its engine runs. Pure."""

from dataclasses import dataclass

from wire.messages import ModelOffer, ModelState, ModelStatus
from worker.session.slots import Slots


@dataclass
class Served:
    """One model of this worker."""

    offer: ModelOffer
    slots: Slots
    status: ModelStatus = "loading"

    def state(self, draining: bool) -> ModelState:
        """As Capacity says it."""
        ready = self.status == "ready" and not draining
        return ModelState(
            id=self.offer.id, status=self.status, slots=self.slots.offered, free=self.slots.free if ready else 0
        )
