"""Whether somebody else uses the GPU: the owner's game, a training run. Pure: readings and the time go in."""

from worker.machine.description import Reading

GIB = 2**30
# Somebody else on the GPU. A desktop that only draws its windows stays below both; a game or a training run does not.
OTHERS_UTILISATION = 0.2
OTHERS_BYTES = 1 * GIB  # more than they held at the quietest moment so far
SIGHTINGS = 2  # readings in a row: one alone may be a window that was moved
GAP_S = 30.0  # without a sighting, and the use is still the same one: a game that loads its next level


class OwnersUse:
    """Whether the GPU is in use by others, with a quiet time after each use.

    It outlives the engine, which may have to leave the GPU because of such use. `words`: the last use, for the owner.
    """

    def __init__(self, quiet_s: float = 300.0) -> None:
        self._quiet_s = quiet_s
        self._seen = 0  # sightings in a row
        self._until = float("-inf")  # the use, with the quiet time after it
        self._since = self._last = float("-inf")  # sightings of the use that goes on
        self._least: dict[str, int] = {}  # by device: bytes that others held there at the quietest moment
        self.words = ""

    def watch(self, readings: tuple[Reading, ...], busy: bool, now: float) -> None:
        """Take the readings of this moment. `busy`: jobs of ours run, so the load of the whole GPU tells nothing."""
        uses = [use for reading in readings if (use := self._use_of(reading, busy))]
        self._seen = self._seen + 1 if uses else 0
        if not uses:
            return
        self.words = uses[0]
        self._since = now if now - self._last > GAP_S else self._since
        self._last = now
        if self._seen >= SIGHTINGS or now <= self._until:
            self._until = now + self._quiet_s

    def left_s(self, now: float) -> float:
        """Return the seconds until it has been quiet for long enough; 0: the GPU is free for the model."""
        return max(0.0, self._until - now)

    def lasted_s(self, now: float) -> float:
        """Return the seconds that the present use has gone on; 0: there is none, or it may be over."""
        return now - self._since if self.left_s(now) and now - self._last <= GAP_S else 0.0

    def _use_of(self, reading: Reading, busy: bool) -> str:
        """Return what other programs do on this GPU, in words; empty: nothing that matters."""
        if reading.others_bytes is not None:
            least = min(reading.others_bytes, self._least.get(reading.device, reading.others_bytes))
            self._least[reading.device] = least
            if reading.others_bytes - least >= OTHERS_BYTES:
                return f"another program holds {reading.others_bytes / GIB:.1f} GiB of {reading.name}"
        utilisation = reading.others_utilisation
        if utilisation is None and reading.others_bytes is None and not busy:
            utilisation = reading.utilisation  # processes cannot be told apart here, but none of them is ours
        if utilisation is not None and utilisation >= OTHERS_UTILISATION:
            return f"another program uses {reading.name} ({utilisation:.0%})"
        return ""
