"""Keys expire and have limits of their own; accounts have a weight and can be disabled; changes are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("rpm", "tpm", "concurrency", "expires_ms"):
        op.add_column("keys", sa.Column(name, sa.BigInteger))
    op.add_column("accounts", sa.Column("weight", sa.Float, nullable=False, server_default="1"))
    op.add_column("accounts", sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()))
    revision_table = op.create_table("revision", sa.Column("number", sa.BigInteger, nullable=False))
    op.bulk_insert(revision_table, [{"number": 0}])
