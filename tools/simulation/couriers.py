"""A file on its way to the coordinator, from the worker's side: some tries, as daemon/uploads.py makes them."""

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from tools.simulation.lies import CHANCE
from worker.daemon.uploads import AGAIN, PAUSE_S, TRIES
from worker.session import effects

if TYPE_CHECKING:
    from tools.simulation.reception import Taking
    from tools.simulation.workers import Process

GARBAGE = b"<html>"


@dataclass(frozen=True)
class Parcel:
    """One request: its head and its body."""

    job: str
    attempt: int
    token: str
    data: bytes

    @property
    def name(self) -> str:
        return f"{self.job}/{self.attempt}"

    @property
    def sha256(self) -> str:
        return sha256(self.data).hexdigest()


class Courier:
    def __init__(self, process: "Process", effect: effects.SendFile, data: bytes) -> None:
        self._process, self._world = process, process.world
        self._key, token = effect.key, effect.upload.token
        self._parcel = Parcel(effect.key.job, effect.key.attempt, token, data)
        self._tries = 0
        self._taking: Taking | None = None
        self._stopped = False

    def go(self) -> None:
        """Try, now."""
        if self._stopped:
            return
        self._tries += 1
        number, world, machine = self._tries, self._world, self._process.machine
        coordinator = world.reach()
        if coordinator is None or world.timeline.now < machine.cut_off_until:
            self._answered(number, None)
            return
        parcel, dice = self._parcel, world.dice
        if not machine.liar.honest and dice.random() < 2 * CHANCE:
            if dice.random() < 0.5:
                self._answered(number, 201)  # it has sent nothing, and says that it is done
                return
            parcel = Parcel(parcel.job, parcel.attempt, parcel.token, GARBAGE)
        world.history.note("uploads", parcel.job, parcel.attempt, number)
        self._taking = coordinator.reception.take(
            parcel, lambda status: self._process.do(lambda: self._answered(number, status))
        )

    def stop(self) -> None:
        self._stopped = True
        if self._taking is not None:
            self._taking.hangs_up()

    def _answered(self, number: int, status: int | None) -> None:
        """None: the connection broke, or there was none."""
        if self._stopped or number != self._tries:
            return
        self._taking = None
        if status in (200, 201):
            self._process.perform(self._process.session.uploaded(self._key))
        elif self._tries < TRIES and (status is None or status in AGAIN):
            self._process.later(PAUSE_S * 5 ** (self._tries - 1), self.go)
        else:
            why = f"the coordinator does not take the file ({status})"
            self._process.perform(self._process.session.upload_failed(self._key, why, None))
