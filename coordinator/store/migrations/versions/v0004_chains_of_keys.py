"""A key knows which one it replaces, and with which one it was made."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("counted_as", sa.Text))
    op.add_column("keys", sa.Column("parent", sa.Text))
