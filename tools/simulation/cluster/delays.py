"""How late what one replica publishes comes to another, beside what the bus takes for it."""

from tools.simulation.timeline import Timeline


class Delays:
    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._late: dict[tuple[str, str], tuple[float, float]] = {}  # until when, and by how much

    def begin(self, sender: str, other: str, late_s: float, seconds: float) -> None:
        """From now on, for so many seconds. What is asked goes its own way."""
        self._late[sender, other] = self._timeline.now + seconds, late_s

    def of(self, sender: str, other: str) -> float:
        until, late_s = self._late.get((sender, other), (0.0, 0.0))
        return late_s if self._timeline.now < until else 0.0

    def end(self) -> None:
        self._late.clear()
