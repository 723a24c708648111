"""What operators order of workers; deeds by actor and by target, earnings by worker, without reading all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "worker_orders",
        sa.Column("worker", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_index("ix_worker_orders_until_ms", "worker_orders", ["until_ms"])
    op.create_index("audit_of_actor", "audit_log", ["actor", "id"])
    op.create_index("audit_of_target", "audit_log", ["target", "id"])
    op.create_index("earnings_of_worker", "earnings", ["worker", "nano"])
