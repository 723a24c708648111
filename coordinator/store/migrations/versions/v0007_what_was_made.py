"""Usage of what is made is counted in units: what it was (a tool; null: a chat), and how many of its units."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage", sa.Column("kind", sa.Text))
    op.add_column("usage", sa.Column("units", sa.BigInteger))
    op.add_column("holds", sa.Column("kind", sa.Text))
