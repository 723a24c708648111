"""The tables of those who own workers, beside what they earn: the energy that their GPUs draw, and what it costs."""

from sqlalchemy import BigInteger, Column, ForeignKey, Table, Text

from coordinator.store.tables import metadata

# What the GPUs of a worker drew on a day (counted from 1970, UTC), by its own word. `measured_s`: for how long its
# sensors told; `online_s`: for how long it was connected.
energy_days = Table(
    "energy_days",
    metadata,
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False, index=True),
    Column("worker", Text, primary_key=True),
    Column("joules", BigInteger, nullable=False),
    Column("measured_s", BigInteger, nullable=False),
    Column("online_s", BigInteger, nullable=False),
)

# What an owner pays for a kilowatt-hour, in nano-dollars. No row: it has not been said.
electricity = Table(
    "electricity",
    metadata,
    Column("account", Text, ForeignKey("accounts.id"), primary_key=True),
    Column("nano", BigInteger, nullable=False),
)
