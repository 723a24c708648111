"""The tables of people: how they sign in, and who brought them. Time is Unix milliseconds; what opens something stands
here only as a hash under the pepper. A browser's session is a row of `keys`."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, Table, Text, UniqueConstraint

from coordinator.store.tables import metadata

# `id`: the credential's own, in base64url. `counter`: of its signatures, 0 for ever with those that sync.
passkeys = Table(
    "passkeys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("counter", BigInteger, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)

# Who a provider (OpenID Connect) says that somebody is lets them into one account. `subject`: the issuer's name for
# them, and all that is kept of what it says.
provider_links = Table(
    "provider_links",
    metadata,
    Column("id", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("issuer", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    UniqueConstraint("issuer", "subject", name="one_account_a_subject"),
)

# Each lets its owner in once.
recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("account", Text, ForeignKey("accounts.id"), nullable=False, index=True),
    Column("made_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
)

# `made_by`: an account; null: the operator. `account`: whoever comes by it adds a passkey to that one; null: makes a
# new one. `used_by`: the account that was made with it, or entered.
invites = Table(
    "invites",
    metadata,
    Column("id", Text, primary_key=True),
    Column("hash", Text, nullable=False, unique=True),
    Column("made_by", Text, ForeignKey("accounts.id"), index=True),
    Column("account", Text, ForeignKey("accounts.id")),
    Column("note", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    Column("used_by", Text, ForeignKey("accounts.id")),
    Column("revoked_ms", BigInteger),
)

# Challenges that have been answered; one that has not is kept nowhere but in its browser, sealed.
spent_challenges = Table(
    "spent_challenges",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("expires_ms", BigInteger, nullable=False, index=True),
)

# Accounts made without an invite, by range of addresses (a hash) and day (counted from 1970, UTC).
signups = Table(
    "signups",
    metadata,
    Column("place", Text, primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, nullable=False),
)
