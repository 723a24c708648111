"""The tables as the program reads and writes them; `media_tables.py` and `operator_tables.py` have more (schema.py),
and `migrations/` makes them. Money is whole nano-dollars, time Unix milliseconds."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

metadata = MetaData()
Serial = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts only in a column of exactly this type

DELETED = "deleted "  # the name of an account whose people have ended it: this and its id

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
    Column("counted_as", Text),  # the first key of those that this one replaces: its use is counted there; null: none
    Column("parent", Text),  # where the use of the key that made it is counted; null: the operator made it
    Column("platform_tools", Boolean, nullable=False, server_default="1"),  # whether models are told of them
    Column("session_ends_ms", BigInteger),  # it is no key: a browser has it in a cookie, until then at most
    Column("disabled", Boolean, nullable=False, server_default="0"),  # it does not work until it is enabled again
    Column("by_person", Boolean, nullable=False, server_default="0"),  # made in a browser's session, not with a key
    Column("cap_day_nano", BigInteger),  # what it and all that is made with it may spend on a day (UTC); null: all
    Column("cap_month_nano", BigInteger),
    Column("used_ms", BigInteger),  # last, within a minute; null: never, or before this was written down
    Index("keys_of_account", "account"),
)

# What was spent with a key, and with those made with it or in its place, or is held for it: on a day (2026-12-01) and
# in a month (2026-12), UTC, of the time when it was asked for. `counter` is as `counted_as` and `parent` of keys.
key_spend = Table(
    "key_spend",
    metadata,
    Column("period", Text, primary_key=True),
    Column("counter", Text, primary_key=True),
    Column("nano", BigInteger, nullable=False),
)

# One row. It grows with every change of an account or a key: a process that holds them in memory looks at nothing else.
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
    Column("kind", Text),  # of what was made (a tool); null: it was a chat
    Column("units", BigInteger),  # of that, as far as it was paid for
    CheckConstraint("prompt >= 0 AND completion >= 0 AND cost_nano >= 0", name="usage_counts"),
    Index("usage_of_account", "account", "at_ms"),
    Index("usage_of_key", "key"),
)

# What the database itself must know. `pepper`: a hash under the pepper of its keys, by which that is known again.
settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# Every start of a server, in order: only the last one may write. `overtaken_ms`: when one that still ran found another
# behind it, which must have taken its jobs for left over.
servers = Table(
    "servers",
    metadata,
    Column("number", Serial, primary_key=True, autoincrement=True),
    Column("started_ms", BigInteger, nullable=False),
    Column("overtaken_ms", BigInteger),
)

# Every start of a replica that serves beside others. `beat` grows while it lives, `state` is `up` or `dead`; one that
# is dead and lives after all takes a new row. `purse`: the one of the platform's that it books in (platform/N).
# `server`: its number among all starts of a server.
replicas = Table(
    "replicas",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),  # for people
    Column("started_ms", BigInteger, nullable=False),
    Column("beat", BigInteger, nullable=False),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("purse", Integer, nullable=False),
    Column("server", BigInteger, nullable=False),
)

# What an Idempotency-Key of an account stands for; it and `fingerprint`, of the request, are hashes under the pepper.
# `attempt` counts its runs that came to nothing. `state` is `running` or `done`. `edge` is the replica that
# its client asked, "" where one serves alone. Once it is done its answer is here, sealed (admission/seals.py), with its
# files as JSON; a long one without its body.
requests = Table(
    "requests",
    metadata,
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("job", Text, nullable=False),  # of the hold that it came with
    Column("state", Text, nullable=False),
    Column("edge", Text, nullable=False),
    Column("media_type", Text),
    Column("body", LargeBinary),
    Column("files", Text),
    Column("at_ms", BigInteger, nullable=False),
    Index("requests_by_age", "at_ms"),
    Index("requests_by_state", "state", "edge"),
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

# The sum of all entries of a sub-account. `owner` is an account, or the platform: `platform`, and `platform/N` of the
# replicas that serve beside each other.
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
    Index("entries_of_owner", "owner", "id"),
)

_NAMED = text("request_id IS NOT NULL")
_WHERE_NAMED: Any = {"sqlite_where": _NAMED, "postgresql_where": _NAMED}

# One row for each job, from its hold on. Its last checkpoint: `served` is {worker key: delivered tokens}, `prompts` has
# [worker key, tokens of the prompt] for each choice that has a token.
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
    Column("spark_funded", BigInteger),  # what of it was paid in, the rest was given; null: of a version without this
    Column("sogni_funded", BigInteger),
    Column("state", Text, nullable=False),
    Column("charge", BigInteger),
    Column("served", Text, nullable=False),
    Column("prompts", Text, nullable=False, server_default="[]"),
    Column("at_ms", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("made_by", BigInteger),  # the number of a server; null: of a version that wrote down none
    Column("ended_by", BigInteger),
    Column("kind", Text),  # of what is to be made; null: it is a chat
    Column("owner", Text, nullable=False, server_default=""),  # the replica that will end it; "": the one server
    Column("counted", Text),  # for which keys it counts in key_spend, as JSON; null: a version that did not count
    Column("request_id", Text),  # the x-request-id of its answer; null where that is made of `job`
    Column("failure", Text),  # the code of the error that ended it before a worker had it; null: one had it
    CheckConstraint("spark >= 0 AND sogni >= 0 AND charge >= 0 AND charge <= spark + sogni", name="within_the_hold"),
    CheckConstraint(
        "(state = 'held' AND charge IS NULL AND ended_ms IS NULL) OR (state IN ('settled', 'void')"
        " AND charge IS NOT NULL AND ended_ms IS NOT NULL)",
        name="one_end",
    ),
    Index("holds_by_state", "state", "deadline_ms"),
    Index("holds_of_key", "key"),
    Index("holds_of_account", "account", "at_ms", "job"),
    Index("holds_by_request_id", "account", "request_id", "at_ms", "job", **_WHERE_NAMED),
)

_YOUNG = text("matured_ms IS NULL")

# What a worker earned with a job; it waits in escrow until `matured_ms` says otherwise. `given`: what of it was paid
# with given tokens.
earnings = Table(
    "earnings",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("job", Text, ForeignKey("holds.job"), nullable=False),
    Column("worker", Text, nullable=False),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("currency", Text, nullable=False),
    Column("nano", BigInteger, nullable=False),
    Column("given", BigInteger, nullable=False, server_default="0"),
    Column("at_ms", BigInteger, nullable=False),
    Column("matured_ms", BigInteger),
    UniqueConstraint("job", "worker", "currency", name="one_earning_a_job"),
    Index("earnings_in_escrow", "account", "matured_ms"),
    Index("earnings_of_worker", "worker", "nano"),
    Index("earnings_by_age", "at_ms", "account", sqlite_where=_YOUNG, postgresql_where=_YOUNG),  # as far as they wait
)

# What could be paid out of the operator's promotion budget on one day: to all accounts, and to each. One row for each
# day (counted from 1970, UTC) on which it was shared out.
promotion_days = Table(
    "promotion_days",
    metadata,
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("nano", BigInteger, nullable=False),
    Column("account_nano", BigInteger, nullable=False),
)
