"""What people are told, in words. Pure.

The words of a sighting are text for the message; before a line break in them stands the name that goes into its title.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from coordinator.alerts.kinds import Kind
from coordinator.alerts.subjects import WORKER, Key
from program.alerts import Level

ONE_BY_ONE = 3  # more of one kind at a time are one message
LISTED = 20
CHARS = 600

# Begun, and over.
TITLES: Mapping[str, tuple[str, str]] = {
    "worker_down": ("{name} is down", "{name} is back"),
    "worker_problem": ("{name} has a problem: {what}", "{name}: {what} is over"),
    "worker_hot": ("{name} is too hot", "{name} has cooled down"),
    "balance_low": ("Your balance is low", "Your balance is up again"),
    "key_expires": ("The key {name} ends soon", ""),
    "cap_near": ("The key {name} has nearly spent its cap", ""),
    "no_worker": ("Nobody serves {name}", "{name} is served again"),
    "workers_failing": ("Many workers have problems ({name})", "Fewer workers have problems ({name})"),
    "queue_full": ("The queue is full ({name})", "There is room in the queue again ({name})"),
    "books": ("Something could not be booked ({name})", ""),
    "database": ("The database is away ({name})", "The database is back ({name})"),
    "disk": ("A disk is nearly full ({name})", "A disk has room again ({name})"),
    "payout": ("{name} asks for a payout", ""),
}


@dataclass(frozen=True)
class Told:
    """One thing that has begun or is over. `since_s`: since when it was wrong."""

    key: Key
    words: str
    over: bool
    since_s: float


@dataclass(frozen=True)
class Message:
    """What is sent to all who want it of this account and kind; of a balance to the one whose bound it is."""

    account: str
    kind: str
    subject: str
    level: Level
    over: bool
    title: str
    text: str


def messages(told: Iterable[Told], kinds: Mapping[str, Kind], now_s: float) -> list[Message]:
    """One message for each, or where many of a kind come at once, one for all of them."""
    found = list[Message]()
    ordered = sorted(told, key=lambda one: (one.key.account, one.key.kind, one.over, one.key.subject))
    for (account, kind, over), group in groupby(ordered, lambda one: (one.key.account, one.key.kind, one.over)):
        ones = [_message(one, kinds[kind].level, now_s) for one in group]
        if len(ones) > ONE_BY_ONE and kind != "balance_low":
            ones = [Message(account, kind, "", kinds[kind].level, over, *_together(ones))]
        found += ones
    return found


def _message(told: Told, level: Level, now_s: float) -> Message:
    name, _, text = told.words.partition("\n")
    what = told.key.subject.rpartition("/")[2]
    title = TITLES[told.key.kind][told.over].format(name=name, what=what)
    if told.key.kind == WORKER:
        text = _down(name, told, now_s)
    elif told.over:
        text = f"It lasted {lasted(now_s - told.since_s)}."
    return Message(told.key.account, told.key.kind, told.key.subject, level, told.over, title, text[:CHARS])


def _together(ones: Sequence[Message]) -> tuple[str, str]:
    more = len(ones) - LISTED
    listed = "; ".join(one.title for one in ones[:LISTED])
    return f"{ones[0].title}, and {len(ones) - 1} more like it", listed + (f"; and {more} more." if more > 0 else ".")


def _down(name: str, told: Told, now_s: float) -> str:
    if told.over:
        return f"It is connected again after {lasted(now_s - told.since_s)}."
    at = datetime.fromtimestamp(told.since_s, UTC).strftime("%H:%M UTC")
    return (
        f"It has not been connected since {at}, for {lasted(now_s - told.since_s)}. Look whether its machine is on and"
        " online; its log, and `supernet-worker --status` there, say more."
    )


def lasted(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 120:
        return f"{max(seconds, 0):.0f} seconds"
    if seconds < 7200:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.0f} hours" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
