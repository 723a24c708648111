"""When somebody is told that something is wrong, and that it is over: once each. Pure: time is an argument."""

from dataclasses import dataclass, replace
from typing import Literal

News = Literal["begun", "over"]
Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Rule:
    """Seconds. What is wrong for `delay_s` is told, what is well again for `clear_s` is over, whatever it did in
    between; and the same is not told again within `quiet_s`."""

    delay_s: float
    clear_s: float
    quiet_s: float


@dataclass(frozen=True)
class Standing:
    """What is remembered of one thing that can be wrong. `since`: it is wrong since then; `gone`: and well again since
    then; `told`: when its beginning was told last; `open`: and its end was not."""

    since: float | None = None
    gone: float | None = None
    told: float | None = None
    open: bool = False

    def forgettable(self, rule: Rule, now: float) -> bool:
        """Whether a new one would decide the same from now on."""
        return self.since is None and not self.open and (self.told is None or now - self.told >= rule.quiet_s)


@dataclass(frozen=True)
class Alert:
    """One message to a person. `id`: the same at every try to deliver it. `subject`: what it is about, for programs;
    `at_s`: seconds since 1970."""

    id: str
    kind: str
    subject: str
    level: Level
    over: bool
    title: str
    text: str
    at_s: int


def step(rule: Rule, standing: Standing, wrong_since: float | None, now: float) -> tuple[Standing, News | None]:
    """The next standing, and what is to be told. `wrong_since`: since when it is wrong at the latest; None: it is well.

    Within `quiet_s` of the last time nothing is lost: what is still wrong then is told then.
    """
    if wrong_since is not None:
        since = wrong_since if standing.since is None else standing.since
        standing = replace(standing, since=since, gone=None)
        quiet = standing.told is not None and now - standing.told < rule.quiet_s
        if standing.open or quiet or now - since < rule.delay_s:
            return standing, None
        return replace(standing, told=now, open=True), "begun"
    if standing.since is None:
        return standing, None
    gone = now if standing.gone is None else standing.gone
    if now - gone < rule.clear_s:
        return replace(standing, gone=gone), None
    return Standing(told=standing.told), "over" if standing.open else None
