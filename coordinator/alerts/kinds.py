"""What people can be told of, and when it is worth a message. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from program.alerts import Level, Rule

OPERATOR = "operator"  # stands where an account would
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
KEY_DAYS = 7  # before a key ends
CAP_SHARE = 0.9  # of what a key may spend
FAILING_SHARE = 0.1  # of the workers, before their problems are the operator's
FULL_SHARE, FULL_BYTES = 0.05, 2 * 2**30  # of a disk that is nearly full, whichever is more


@dataclass(frozen=True)
class Kind:
    """One thing that people are told of. `words`: what it is, on the page; `ends`: its end is told too."""

    words: str
    level: Level
    rule: Rule
    ends: bool = True


ACCOUNT: Mapping[str, Kind] = {
    "worker_down": Kind("a worker of mine is down", "error", Rule(5 * MINUTE, 30.0, 2 * HOUR)),
    "worker_problem": Kind("a worker of mine has a problem", "error", Rule(5 * MINUTE, 2 * MINUTE, 4 * HOUR)),
    "worker_hot": Kind("a worker of mine is too hot", "warning", Rule(MINUTE, 10 * MINUTE, 4 * HOUR)),
    "balance_low": Kind("my balance is low", "warning", Rule(0, 10 * MINUTE, 12 * HOUR)),
    "key_expires": Kind(f"a key ends within {KEY_DAYS} days", "warning", Rule(0, 0, 30 * DAY), ends=False),
    "cap_near": Kind("a key has spent nearly all of its cap", "warning", Rule(0, 0, 40 * DAY), ends=False),
}
OF_OPERATOR: Mapping[str, Kind] = {
    "no_worker": Kind("a model is asked for and nobody serves it", "error", Rule(2 * MINUTE, 10 * MINUTE, HOUR)),
    "workers_failing": Kind("many workers have problems", "warning", Rule(10 * MINUTE, 10 * MINUTE, 4 * HOUR)),
    "queue_full": Kind("the queue is full", "warning", Rule(30.0, 10 * MINUTE, HOUR)),
    "books": Kind("something could not be booked", "error", Rule(0, HOUR, HOUR), ends=False),
    "database": Kind("the database is away", "error", Rule(30.0, 30.0, 10 * MINUTE)),
    "disk": Kind("a disk is nearly full", "error", Rule(MINUTE, 10 * MINUTE, 12 * HOUR)),
    "payout": Kind("an owner asks for a payout", "info", Rule(0, 0, 30 * DAY), ends=False),
}


def kinds(after_s: float) -> Mapping[str, Kind]:
    """All of them. `after_s`: how long a worker is away or fails before its owner hears of it."""
    patient = {name: ACCOUNT[name] for name in ("worker_down", "worker_problem")}
    own = {name: replace(kind, rule=replace(kind.rule, delay_s=after_s)) for name, kind in patient.items()}
    return {**ACCOUNT, **own, **OF_OPERATOR}
