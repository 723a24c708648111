"""The tables of sums over what is append-only: a page that shows a month reads some rows of them and not millions.
Money is whole nano-dollars, a day is counted from 1970, UTC."""

from sqlalchemy import BigInteger, Column, Table, Text

from coordinator.store.tables import metadata

# What a key used of a model on a day: the sums of the rows of `usage` up to `rolled` of `marks`. The rows behind it are
# to be added.
usage_days = Table(
    "usage_days",
    metadata,
    Column("account", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("model", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("prompt", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("completion", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
)

# What a worker earned on a day: the sums of the rows of `earnings` up to `rolled` of `marks`, all currencies together.
# `given`: what of `nano` was paid with given tokens.
earning_days = Table(
    "earning_days",
    metadata,
    Column("account", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("worker", Text, primary_key=True),
    Column("jobs", BigInteger, nullable=False),
    Column("prompt", BigInteger, nullable=False),
    Column("completion", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
    Column("nano", BigInteger, nullable=False),
    Column("given", BigInteger, nullable=False),
    Column("last_ms", BigInteger, nullable=False),
)

# How far sums have got. `rolled`: the last id that is in them.
marks = Table(
    "marks",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rolled", BigInteger, nullable=False),
)
