"""Whatever happens to replicas, their workers and the bus: a client whose replica lives has each token once and in
order, and one end; and when all is quiet nothing is left anywhere."""

from random import Random

import pytest

from coordinator.cluster.protocol.news import Bye
from coordinator.dispatch.effects import Drained, Finished
from tests.coordinator.cluster.town import Box, Town

OPERATIONS = 250


class Storm:
    """Random strikes against three replicas and four workers."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.town = Town("a", "b", "c")
        self.boxes = [
            self.town.box(f"w{n}", self.random.choice("abc"), self.random.choice([1, 2, 4])) for n in range(4)
        ]
        self.jobs: dict[str, str] = {}  # job -> its client's replica
        self.restarts = 0

    def living(self) -> list[str]:
        return [name for name in self.town.replicas if name not in self.town.dead]

    def happens(self) -> None:
        likely = {self.ask: 22, self.work: 33, self.take: 15, self.wait: 12, self.redial: 6, self.hide: 4}
        likely |= dict.fromkeys((self.restart, self.roll, self.lose, self.cancel, self.crash), 2)
        strike = self.random.choices([*likely], [*likely.values()])[0]
        strike()
        self.lead()

    def ask(self) -> None:
        at = self.random.choice(self.living())
        job = self.town.ask(at, f"j{len(self.jobs)}", tokens=self.random.choice([3, 10, 30]))
        self.jobs[job] = at

    def work(self) -> None:
        self.town.steps(self.random.choice([1, 1, 2, 4]))

    def take(self) -> None:
        for job, at in self.jobs.items():
            if self.random.random() < 0.7:
                self.town.takes(at, job)

    def wait(self) -> None:
        self.town.passes(self.random.choice([0.25, 0.5, 1, 2]))

    def redial(self) -> None:
        self.dial(self.random.choice(self.boxes))

    def restart(self) -> None:
        if len(self.living()) > 1:
            self.restarts += 1
            self.town.kill(self.random.choice(self.living()))
            self.town.start(f"{0xEE000000 + self.restarts:08x}")

    def roll(self) -> None:
        """A replica is told to leave; its workers are led to others."""
        if not any(self.town.replicas[name].draining for name in self.living()):
            self.town.call(self.random.choice(self.living()), "drain", 30.0)

    def replace_who_has_left(self) -> None:
        for name in self.living():
            if any(isinstance(effect, Drained) for effect in self.town.effects[name]):
                self.town.call(name, "say", Bye())
                self.restarts += 1
                self.town.kill(name)
                self.town.start(f"{0xEE000000 + self.restarts:08x}")

    def hide(self) -> None:
        if self.random.random() < 0.5:
            self.town.cut = set() if self.town.cut else {self.random.choice(self.living())}
        else:
            self.town.dark = not self.town.dark

    def lose(self) -> None:
        self.town.lose = self.random.choice([0, 0.2, 0.5])

    def cancel(self) -> None:
        job = self.random.choice([*self.jobs] or [""])
        if job and not self.town.ends(job):
            self.town.call(self.jobs[job], "cancel", job)

    def crash(self) -> None:
        """A worker's process starts anew."""
        box = self.random.choice(self.boxes)
        if box.session:
            box.hangs_up()
        box.jobs.clear()
        box.before, box.instance = "", box.instance + "x"
        self.dial(box)

    def dial(self, box: Box) -> None:
        """By the load balancer: to a replica that is ready, if there is one."""
        if box.session:
            box.hangs_up()
        ready = [name for name in self.living() if not self.town.replicas[name].draining]
        box.dial(self.random.choice(ready or self.living()))

    def lead(self) -> None:
        self.replace_who_has_left()
        self.redial_lost()

    def redial_lost(self) -> None:
        """Workers that have no socket, or were sent away, dial whom the load balancer gives them."""
        for box in self.boxes:
            if not box.session and self.random.random() < 0.3:
                self.dial(box)
        moved, self.town.moved = self.town.moved, []
        for box in moved:
            self.dial(box)

    def calm(self) -> None:
        self.town.cut, self.town.dark, self.town.lose = set(), False, 0.0
        for _ in range(160):
            self.lead()
            self.town.passes(0.5)
            self.town.steps(4)
            for job, at in self.jobs.items():
                self.town.takes(at, job)

    def check(self) -> None:
        for job, at in self.jobs.items():
            tokens = self.town.tokens(job)
            assert tokens == list(range(len(tokens))), f"{job} has {tokens}"
            if at in self.living():
                (end,) = self.town.ends(job)
                assert not isinstance(end, Finished) or end.report.usage.completion == len(tokens)
        for name in self.living():
            replica = self.town.replicas[name]
            assert not replica.dispatch.running() and not replica.jobs.itinerary.jobs and not len(replica.jobs.lodging)


@pytest.mark.parametrize("seed", range(8))
def test_no_storm_loses_or_doubles_a_token_or_leaves_anything_behind(seed: int) -> None:
    storm = Storm(seed)
    for _ in range(OPERATIONS):
        storm.happens()
    storm.calm()
    storm.check()
