"""What was used, summed by day: a page of a month reads the sums. The rows that are there follow by and by."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    summed = ("requests", "prompt", "cached", "completion", "reasoning", "cost_nano", "units")
    op.create_table(
        "usage_days",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in summed),
    )
    op.create_table(
        "marks",
        sa.Column("name", sa.Text, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("rolled", "seen", "seen_ms")),
    )
