"""What was earned, summed by day; and the energy that it took, with its price."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    summed = ("jobs", "prompt", "completion", "units", "nano", "given", "last_ms")
    op.create_table(
        "earning_days",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("worker", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in summed),
    )
    op.create_table(
        "energy_days",
        sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("worker", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("joules", "measured_s", "online_s")),
    )
    op.create_index("ix_energy_days_day", "energy_days", ["day"])
    op.create_table(
        "electricity",
        sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("nano", sa.BigInteger, nullable=False),
    )
