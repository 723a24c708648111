"""Several replicas may serve: each has a row, a hold and a film say whose they are, and an Idempotency-Key is a row."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A program of before, which serves alone, writes no owner: nobody's is what a replica that serves alone owns.
    op.add_column("holds", sa.Column("owner", sa.Text, nullable=False, server_default=""))
    op.add_column("videos", sa.Column("owner", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "replicas",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("purse", sa.Integer, nullable=False),
        sa.Column("server", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("edge", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text),
        sa.Column("body", sa.LargeBinary),
        sa.Column("files", sa.Text),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    op.create_index("requests_by_age", "requests", ["at_ms"])
    op.create_index("requests_by_state", "requests", ["state", "edge"])
