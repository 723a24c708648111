"""Tells the owner what only this machine knows: that the coordinator is out of reach, that nothing can be served, that
a GPU is hot. Each once, and once more when it is over; straight from here, to where the owner says."""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from program.alert_formats import Service, written
from program.alerts import Alert, Level, News, Rule, Standing, step
from program.post import NotDelivered, post, read_target
from worker.telemetry.status import Problem, Status

log = logging.getLogger("supernet.alerts")

LOOK_S = 5.0
TRIES_S = (0.0, 30.0, 300.0)  # before each try of one message
MOST_WAITING = 20  # messages on their way
HOT_C, COOLER_C = 90.0, 5.0  # of a GPU, whatever its ceiling is
UNREACHABLE = "coordinator_unreachable"
PROBLEM = Rule(delay_s=300.0, clear_s=120.0, quiet_s=4 * 3600.0)
RULES: Mapping[str, Rule] = {
    UNREACHABLE: Rule(delay_s=600.0, clear_s=60.0, quiet_s=2 * 3600.0),
    "too_hot": Rule(delay_s=60.0, clear_s=600.0, quiet_s=4 * 3600.0),
}


@dataclass(frozen=True)
class Trouble:
    """What is wrong now. `words`: for the owner."""

    level: Level
    words: str


@dataclass(frozen=True)
class OwnerAddress:
    """Where the owner is told. `secret`: what a webhook's messages are signed with."""

    service: Service
    url: str
    secret: bytes | None = None


def troubles(status: Status, hot: bool) -> dict[str, Trouble]:
    """By code, what is worth a message if it lasts. `hot`: a GPU was hot a moment ago, and has to cool down for more
    than a moment."""
    found = {
        problem.issue.code: Trouble("error", f"{problem.issue.message} {problem.issue.remedy}".strip())
        for problem in status.problems
        if problem.issue.severity == "error" or problem.issue.code == "too_hot"
    }
    bound = HOT_C - COOLER_C if hot else HOT_C
    for gpu in status.gpus:
        if "too_hot" not in found and gpu.temperature_c is not None and gpu.temperature_c >= bound:
            found["too_hot"] = Trouble("warning", f"{gpu.name} has {gpu.temperature_c:.0f} °C. Let it breathe.")
    return found


@dataclass
class OwnerAlerts:
    """`name`: of this worker; `status`: how it is now."""

    address: OwnerAddress
    name: str
    status: Callable[[], Status]
    tries_s: tuple[float, ...] = TRIES_S
    _standings: dict[str, Standing] = field(default_factory=dict)
    _words: dict[str, Trouble] = field(default_factory=dict)
    _sending: set["asyncio.Task[None]"] = field(default_factory=set)

    async def run(self) -> None:
        """Look every LOOK_S seconds, until cancelled."""
        while True:
            for alert in self.look(self.status(), time.monotonic()):
                self._send(alert)
            await asyncio.sleep(LOOK_S)

    def look(self, status: Status, now: float) -> list[Alert]:
        """What is to be told now."""
        hot = self._standings.get("too_hot", Standing()).since is not None
        wrong = troubles(status, hot)
        self._words |= wrong
        told = list[Alert]()
        for code in sorted(self._standings.keys() | wrong.keys()):
            rule, before = RULES.get(code, PROBLEM), self._standings.get(code, Standing())
            after, news = step(rule, before, now if code in wrong else None, now)
            if news is not None:
                told.append(self._alert(code, news))
            self._standings[code] = after
            if after.forgettable(rule, now):
                del self._standings[code], self._words[code]
        return told

    async def last_word(self, problem: Problem) -> None:
        """The program ends with this problem, and will not be there to say so later: one try."""
        words = f"It has ended: {problem.issue.message} {problem.issue.remedy}".strip()
        self._words[problem.issue.code] = Trouble("error", words)
        await self._try(self._alert(problem.issue.code, "begun"))

    def _alert(self, code: str, news: News) -> Alert:
        over, trouble = news == "over", self._words[code]
        title = f"{self.name}: {code}{' is over' if over else ''}"
        text = "It works again." if over else trouble.words
        return Alert(
            f"msg_{secrets.token_hex(12)}", code, self.name, trouble.level, over, title, text, int(time.time())
        )

    def _send(self, alert: Alert) -> None:
        if len(self._sending) < MOST_WAITING:
            task = asyncio.create_task(self._deliver(alert), name=f"alert {alert.kind}")
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _deliver(self, alert: Alert) -> None:
        for pause_s in self.tries_s:
            await asyncio.sleep(pause_s)
            if await self._try(alert):
                return

    async def _try(self, alert: Alert) -> bool:
        where = self.address
        made = written(where.service, alert, where.secret, int(time.time()))
        try:
            status = await post(read_target(where.url), made.headers, made.body)
        except NotDelivered as error:
            log.warning("--alert-url: a message did not arrive: %s", error)
            return False
        if not 200 <= status < 300:
            log.warning("--alert-url: a message was refused with status %d", status)
        return 200 <= status < 300
