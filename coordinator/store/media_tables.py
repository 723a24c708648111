"""The tables of files and films. Time is Unix milliseconds."""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from coordinator.store.tables import Serial, metadata

# A file that a worker made or a client sent. `sha256` names the object that has its bytes; null: it has expired, and
# they are gone. Several rows may have one object, which goes with the last of them. `sent_sha256`: of the bytes as they
# came, metadata and all. `job`: the job and the attempt (JOB/ATTEMPT) that made it. `blocked`: by the operator.
artefacts = Table(
    "artefacts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("job", Text, unique=True),
    Column("origin", Text, nullable=False),
    Column("sha256", Text),
    Column("sent_sha256", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("frames", Integer, nullable=False),
    Column("fps", Float, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("blocked", Boolean, nullable=False, server_default="0"),
    Index("artefacts_of_account", "account", "made_ms", "id"),
    Index("artefacts_of_object", "sha256"),
    Index("artefacts_by_end", "expires_ms"),
)

# Append-only: what somebody who saw an artefact said of it, for the operator. It outlives the artefact, so whose that
# was (`owner`) and what made it stand here too.
reports = Table(
    "reports",
    metadata,
    Column("id", Serial, primary_key=True, autoincrement=True),
    Column("artefact", Text, nullable=False),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("owner", Text, nullable=False),
    Column("job", Text),
    Column("sha256", Text),
    Column("reason", Text, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    UniqueConstraint("artefact", "account", name="one_report_each"),
    Index("reports_of_account", "account", "at_ms"),
)

# A film that was asked for by POST /v1/videos. Without an end it runs; one with an error failed, else
# `artefact` is the id of what it became, which may be gone by now. Its prompt is nowhere.
videos = Table(
    "videos",
    metadata,
    Column("name", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False),
    Column("model", Text, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    Column("seconds", Integer, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("artefact", Text),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("owner", Text, nullable=False, server_default=""),  # the replica that watches it; "": the one server
    Index("videos_of_account", "account", "created_ms", "name"),
)
