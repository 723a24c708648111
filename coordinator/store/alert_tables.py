"""The tables of messages to people. Time is Unix milliseconds."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, Table, Text

from coordinator.store.tables import metadata

# Where an account wants to be told. `alerts`: of what, between commas. `below_nano`: a balance is low below that.
# `failures`: messages in a row that did not arrive; too many, and no more are sent until a test does.
alert_addresses = Table(
    "alert_addresses",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("service", Text, nullable=False),
    Column("url", Text, nullable=False),  # it may have a secret in it, which is shown to nobody
    Column("alerts", Text, nullable=False),
    Column("below_nano", BigInteger, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("tried_ms", BigInteger),
    Column("status", Text),  # of the last delivery, in words
    Column("failures", Integer, nullable=False, server_default="0"),
)

# What can be wrong with what, and how that stands (program/alerts.py). `account`: whose, or the operator's. `seen_ms`:
# when it was seen to be wrong last; of a worker, when it was seen to be there, or with `away` when it was first missed,
# or with `parted` when it was seen to have left of its own accord.
alert_subjects = Table(
    "alert_subjects",
    metadata,
    Column("account", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("words", Text, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
    Column("away", Boolean, nullable=False, server_default="0"),
    Column("parted", Boolean, nullable=False, server_default="0"),
    Column("since_ms", BigInteger),
    Column("gone_ms", BigInteger),
    Column("told_ms", BigInteger),
    Column("open", Boolean, nullable=False, server_default="0"),
)

# One row for each message and address. `address`: of alert_addresses, "" for the operator's. `state`: `waiting`, `sent`
# or `failed`; `due_ms`: nobody tries it before.
alert_outbox = Table(
    "alert_outbox",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("over", Boolean, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("due_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("state", Text, nullable=False),
    Column("status", Text),
    Index("alert_outbox_due", "state", "due_ms"),
    Index("alert_outbox_of_account", "account", "at_ms"),
)
