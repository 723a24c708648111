"""The tables of what the network has done: sums, which name nobody, and those of each worker for its owner. Time is
Unix milliseconds."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from coordinator.store.tables import metadata

BUCKETS = 21  # of each histogram; their bounds are in history/figures.py
# Sums of a model's rows of `usage`, of ends that have no row there, and of samples, one a minute of each replica.
SUMS = (
    *("requests", "failed", "faulty", "cancelled", "moved"),
    *("prompt", "cached", "completion", "reasoning", "units"),
    *("no_worker", "turned_away", "gave_up"),
    *("workers", "ready", "slots", "busy", "waiting"),
)
HISTOGRAMS = ("queue", "ttft", "total", "speed")


def _counted(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


# `step`: milliseconds of a row, which begins at `at_ms`. `model` "": the whole network. `up` and `measured` have a bit
# for each minute, the first the lowest; `waiting_most` is the longest queue.
history = Table(
    "history",
    metadata,
    Column("step", Integer, primary_key=True),
    Column("model", Text, primary_key=True),
    Column("at_ms", BigInteger, primary_key=True),
    *(_counted(name) for name in (*SUMS, "up", "measured", "waiting_most")),
    *(
        Column(f"{name}_{bucket}", Integer, nullable=False, server_default="0")
        for name in HISTOGRAMS
        for bucket in range(BUCKETS)
    ),
)

# One worker (account/worker) on one day (counted from 1970, UTC). `online` and `ready` in minutes.
history_workers = Table(
    "history_workers",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("account", Text, nullable=False),
    *(_counted(name) for name in ("requests", "failed", "cancelled", "prompt", "completion", "units")),
    *(_counted(name) for name in ("online", "ready")),
    Index("history_workers_of_account", "account", "day"),
    Index("history_workers_by_day", "day"),
)

# `replica N`: what the server of that number wrote last (writing twice is writing once).
history_marks = Table(
    "history_marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
)
