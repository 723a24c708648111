"""What of a worker's process makes media: its pipeline, the files for it, and the way home of what was made. What
daemon/media_driver.py does, in virtual time."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from tools.simulation import commissions
from tools.simulation.commissions import PAINTER
from tools.simulation.couriers import Courier
from tools.simulation.painters import Painter
from wire import media, messages
from wire.media import MediaOffer
from worker.media_engine import port
from worker.session import effects
from worker.session.served_media import ServedMedia
from worker.session.slots import JobKey, Slots

if TYPE_CHECKING:
    from tools.simulation.workers import Process

PAINT = 0.7  # of the workers, and the first in any case
EDIT = 0.7  # of those


@dataclass(frozen=True)
class Easel:
    """What a machine has for making media."""

    slots: int
    edits: bool
    pace_s: float

    @property
    def offer(self) -> MediaOffer:
        return commissions.offer(self.slots, self.edits)

    def served(self) -> ServedMedia:
        return ServedMedia(self.offer, Slots(self.slots))


@dataclass
class Studio:
    """`files`: what was made and is kept, by the engine's name of the attempt."""

    process: "Process"
    easel: Easel
    files: dict[str, bytes] = field(default_factory=dict)
    painter: Painter = field(init=False)
    _inputs: dict[str, bytes] = field(default_factory=dict)
    _couriers: dict[JobKey, Courier] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.painter = Painter(self, self.easel.pace_s)

    @property
    def wished(self) -> MediaOffer:
        return self.easel.offer

    def painter_says(self, event: port.Event) -> None:
        self.process.perform(self.process.session.engine(PAINTER.id, event))

    def told_to_cancel(self, cancel: messages.Cancel) -> None:
        """Attempts that are not here are cancelled too, where somebody lied about them."""
        key = JobKey(cancel.job, cancel.attempt)
        if key in self.process.session.jobs.attempts:
            self.painter.cancelled.setdefault(str(key), 0)

    def look(self) -> None:
        """No slot is lent twice."""
        free = self.process.session.media[PAINTER.id].slots.free
        if free + self.painter.busy > self.easel.slots:
            self.process.world.history.note("lent twice", self.process.name)

    def perform(self, effect: effects.OfMedia) -> None:
        match effect:
            case effects.Keep():
                self._inputs[effect.sha256] = self._inputs.get(effect.sha256, b"") + effect.data
            case effects.Forget():
                self._inputs.pop(effect.sha256, None)
            case effects.Make():
                self._make(effect)
            case effects.StopMaking():
                self.painter.send(port.Cancel(str(effect.key)))
            case effects.SendFile():
                courier = self._couriers[effect.key] = Courier(self.process, effect, self.files[str(effect.key)])
                courier.go()
            case effects.StopSending():
                self._couriers.pop(effect.key).stop()
            case effects.CleanUp():
                self.files.pop(str(effect.key), None)
                self._couriers.pop(effect.key, None)
            case _:
                raise TypeError(f"no effect of media: {effect}")

    def _make(self, effect: effects.Make) -> None:
        wanted = media.files(effect.make)
        if any(sha256(self._inputs.get(name, b"")).hexdigest() != name for name in wanted):
            self.process.world.history.note("wrong files", self.process.name, effect.key.job)
        inputs = tuple((name, name) for name in wanted)
        self.painter.send(port.Render(str(effect.key), effect.make, effect.seed, inputs, str(effect.key)))

    @property
    def left_over(self) -> int:
        """Files that nobody needs any more."""
        return len(self._inputs) + len(self.files) + len(self._couriers)

    def end(self) -> None:
        """The process is gone, and its connections with it."""
        for courier in self._couriers.values():
            courier.stop()
