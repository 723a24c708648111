"""What the network has done, as sums: by model, and by worker and day; and how far they have come."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SUMS = (
    *("requests", "failed", "faulty", "cancelled", "moved"),
    *("prompt", "cached", "completion", "reasoning", "units"),
    *("no_worker", "turned_away", "gave_up"),
    *("workers", "ready", "slots", "busy", "waiting"),
    *("up", "measured", "waiting_most"),
)
OF_A_WORKER = ("requests", "failed", "cancelled", "prompt", "completion", "units", "online", "ready")


def upgrade() -> None:
    op.create_table(
        "history",
        sa.Column("step", sa.Integer, primary_key=True),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in SUMS),
        *(
            sa.Column(f"{name}_{bucket}", sa.Integer, nullable=False, server_default="0")
            for name in ("queue", "ttft", "total", "speed")
            for bucket in range(21)
        ),
    )
    op.create_table(
        "history_workers",
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("account", sa.Text, nullable=False),
        *(sa.Column(name, sa.BigInteger, nullable=False, server_default="0") for name in OF_A_WORKER),
    )
    op.create_index("history_workers_of_account", "history_workers", ["account", "day"])
    op.create_index("history_workers_by_day", "history_workers", ["day"])
    op.create_table(
        "history_marks",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
