"""A key may have the platform tools switched off."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # A program of before, which knows nothing of it, makes keys that have them on.
    op.add_column("keys", sa.Column("platform_tools", sa.Boolean, nullable=False, server_default="1"))
