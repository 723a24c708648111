"""The tables of what operators decide. Money is whole nano-dollars, time Unix milliseconds."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Table, Text

from coordinator.store.tables import Serial, metadata

# Earnings that their owner wants to have. `state`: see ledger/payouts.py. `address`: where to, in the owner's words;
# `note`: what the operator said last.
payouts = Table(
    "payouts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("nano", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("key", Text, nullable=False),  # that asked; it may be a browser's session
    Column("asked_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    CheckConstraint("nano > 0", name="payout_amount"),
    Index("payouts_of_account", "account", "asked_ms"),
    Index("payouts_by_state", "state", "asked_ms"),
)

# What an operator said of a worker, by its key: it is to `rest`, or to be `away`, until `until_ms`; at most one of each
# worker. `note`: why, which the worker's owner is told.
worker_orders = Table(
    "worker_orders",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
    Column("until_ms", BigInteger, nullable=False, index=True),
    Column("note", Text, nullable=False),
)

# Append-only: what operators did over HTTP and at the command line, each in the transaction of the act.
audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Index("audit_of_actor", "actor", "id"),
    Index("audit_of_target", "target", "id"),
)
