"""The load balancer before the replicas: a connection goes to one that is up, and was ready when it looked last."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.simulation.cluster.member import Member
    from tools.simulation.world import World

CHECKS_S = 2.0  # until it knows that one is not ready any more
SHARES = (60, 30, 10)  # by the place of a replica; those behind have the last of them


class Balancer:
    """By the seed least connections, or far more for some than for others. Where none is ready it tries any, as one
    that has only just stopped being so is tried too."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._even = world.dice.random() < 0.5
        self._shunned: dict[str, float] = {}

    def pick(self) -> "Member | None":
        members = self._world.members
        ready = [member for member in members if not self._knows_as_ill(member)] or members
        if len(ready) < 2:
            return ready[0] if ready else None
        dice = self._world.dice
        if self._even:
            return min(ready, key=lambda member: (member.connections, dice.random()))
        return dice.choices(ready, [SHARES[min(member.place, len(SHARES) - 1)] for member in ready])[0]

    def shun(self, member: "Member", seconds: float) -> None:
        """Send nobody there for so long."""
        self._shunned[member.id] = self._world.timeline.now + seconds

    def _knows_as_ill(self, member: "Member") -> bool:
        now = self._world.timeline.now
        is_ill = member.ill_since is not None and now - member.ill_since > CHECKS_S
        return is_ill or now < self._shunned.get(member.id, 0.0)
