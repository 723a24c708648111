"""The tables as the program reads and writes them; `migrations/` makes them. Money is whole nano-dollars, time Unix
milliseconds."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only in a column of exactly this type

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

# Append-only, one row for each ended choice of a request. `job` is unique, so that writing twice is writing once;
# prices stand in the row, so that a later change of price changes nothing.
usage = Table(
    "usage",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("job", Text, nullable=False, unique=True),
    Column("request", Text, index=True),  # the hold that paid for it; null in rows from before there were holds
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
    Index("usage_of_account", "account", "at_ms"),
)

# ---- money -----------------------------------------------------------------------------------------------------------

# The price that a model had from `since_ms` on. A job pins the version that it was held for.
prices = Table(
    "prices",
    metadata,
    Column("model", Text, primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("prompt", BigInteger, nullable=False),
    Column("completion", BigInteger, nullable=False),
    Column("since_ms", BigInteger, nullable=False),
)

# The sum of all entries of a purse. `owner` is an account, or `platform`.
balances = Table(
    "balances",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("nano", BigInteger, nullable=False),
    CheckConstraint("nano >= 0 OR kind IN ('promotions', 'deposits')", name="no_debt"),
)

# Append-only: `hold:JOB`, then `settle:JOB` or `void:JOB`; `starter:ACCOUNT`, `bonus:ACCOUNT:DAY`, and so on.
journals = Table(
    "journals",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("journal", Text, ForeignKey("journals.id"), nullable=False),
    Column("owner", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("nano", BigInteger, nullable=False),
    UniqueConstraint("journal", "owner", "currency", "kind", name="one_entry_a_purse"),
)

# One row for each job, from its hold on. `served` is its last checkpoint: {worker key: delivered tokens}.
holds = Table(
    "holds",
    metadata,
    Column("job", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("key", Text, ForeignKey("keys.id"), nullable=False),
    Column("model", Text, nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("price_version", Integer, nullable=False),
    Column("price_prompt", BigInteger, nullable=False),
    Column("price_completion", BigInteger, nullable=False),
    Column("bound", BigInteger, nullable=False),  # tokens of the prompt, at most
    Column("spark", BigInteger, nullable=False),
    Column("sogni", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("charge", BigInteger),
    Column("served", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    CheckConstraint("spark >= 0 AND sogni >= 0 AND charge >= 0 AND charge <= spark + sogni", name="within_the_hold"),
    CheckConstraint(
        "(state = 'held' AND charge IS NULL AND ended_ms IS NULL) OR (state IN ('settled', 'void')"
        " AND charge IS NOT NULL AND ended_ms IS NOT NULL)",
        name="one_end",
    ),
    Index("holds_by_state", "state", "deadline_ms"),
)

# What a worker earned with a job; it waits in escrow until `matured_ms` says otherwise.
earnings = Table(
    "earnings",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("job", Text, ForeignKey("holds.job"), nullable=False),
    Column("worker", Text, nullable=False),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("nano", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("matured_ms", BigInteger),
    UniqueConstraint("job", "worker", "currency", name="one_earning_a_job"),
    Index("earnings_in_escrow", "account", "matured_ms"),
)
