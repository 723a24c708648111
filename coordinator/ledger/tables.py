"""The schema, and the numbered steps that lead to it. Money is whole nano-dollars, time Unix milliseconds."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, MetaData, Table, Text

metadata = MetaData()

schema = Table("schema_version", metadata, Column("version", Integer, nullable=False))

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_ms", Integer, nullable=False),
)

# `hash` is HMAC-SHA256 of the key; the key itself is nowhere. `hint` is enough to tell keys apart in a list.
keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_ms", Integer, nullable=False),
    Column("revoked_ms", Integer),
)

# Append-only, one row for each ended job. `job` is unique, so that writing twice is writing once; prices stand in the
# row, so that a later change of price changes nothing. A double-entry journal can be built from these rows alone.
usage = Table(
    "usage",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("job", Text, nullable=False, unique=True),
    Column("at_ms", Integer, nullable=False),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("key", Text, ForeignKey("keys.id"), nullable=False),
    Column("model", Text, nullable=False),
    Column("worker", Text),  # account/worker of the one that ended the job
    Column("attempts", Integer, nullable=False),
    Column("finish", Text, nullable=False),  # finish reason, `cancelled`, or the code of the error
    Column("prompt", Integer, nullable=False),
    Column("cached", Integer, nullable=False),
    Column("completion", Integer, nullable=False),
    Column("reasoning", Integer, nullable=False),
    Column("price_prompt", Integer, nullable=False),
    Column("price_completion", Integer, nullable=False),
    Column("cost_nano", Integer, nullable=False),
    Column("queued_ms", Integer, nullable=False),
    Column("first_token_ms", Integer),
    Column("total_ms", Integer, nullable=False),
    CheckConstraint("prompt >= 0 AND completion >= 0 AND cost_nano >= 0", name="usage_counts"),
)

# Step n brings a database from version n-1 to n. Steps are never changed once released, only added.
STEPS: tuple[tuple[Table, ...], ...] = ((schema, accounts, keys, usage),)
