"""A hold knows the prompts of its job, and the servers that made and ended it; the database its servers and pepper."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("holds", sa.Column("prompts", sa.Text, nullable=False, server_default="[]"))
    op.add_column("holds", sa.Column("made_by", sa.BigInteger))
    op.add_column("holds", sa.Column("ended_by", sa.BigInteger))
    op.create_table(
        "servers",
        sa.Column("number", Serial, primary_key=True, autoincrement=True),
        sa.Column("started_ms", sa.BigInteger, nullable=False),
        sa.Column("overtaken_ms", sa.BigInteger),
    )
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
