"""The tables as the program reads and writes them; `migrations/` makes them. Money is whole nano-dollars, time Unix
milliseconds."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Float, ForeignKey, Integer, MetaData, Table, Text

metadata = MetaData()

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("weight", Float, nullable=False, server_default="1"),  # of its share where accounts compete
    Column("disabled", Boolean, nullable=False, server_default="0"),
)

# `hash` is HMAC-SHA256 of the key; the key itself is nowhere. `hint` is enough to tell keys apart in a list.
# Limits that are null are the operator's defaults.
keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("revoked_ms", BigInteger),
    Column("rpm", BigInteger),  # requests a minute
    Column("tpm", BigInteger),  # tokens a minute
    Column("concurrency", BigInteger),  # requests at a time
    Column("expires_ms", BigInteger),
)

# One row. It grows with every change of an account or a key: whoever holds them in memory looks at nothing else.
revision = Table("revision", metadata, Column("number", BigInteger, nullable=False))

# Append-only, one row for each ended job. `job` is unique, so that writing twice is writing once; prices stand in the
# row, so that a later change of price changes nothing.
usage = Table(
    "usage",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("job", Text, nullable=False, unique=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("key", Text, ForeignKey("keys.id"), nullable=False),
    Column("model", Text, nullable=False),
    Column("worker", Text),  # account/worker of the one that ended the job
    Column("attempts", Integer, nullable=False),
    Column("finish", Text, nullable=False),  # finish reason, `cancelled`, or the code of the error
    Column("prompt", BigInteger, nullable=False),
    Column("cached", BigInteger, nullable=False),
    Column("completion", BigInteger, nullable=False),
    Column("reasoning", BigInteger, nullable=False),
    Column("price_prompt", BigInteger, nullable=False),
    Column("price_completion", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("queued_ms", BigInteger, nullable=False),
    Column("first_token_ms", BigInteger),
    Column("total_ms", BigInteger, nullable=False),
    CheckConstraint("prompt >= 0 AND completion >= 0 AND cost_nano >= 0", name="usage_counts"),
)
