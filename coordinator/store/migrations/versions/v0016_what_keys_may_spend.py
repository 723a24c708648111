"""A key may be disabled, may spend so much a day and a month, and says when it was used last."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("keys", sa.Column("disabled", sa.Boolean, nullable=False, server_default="0"))
    op.add_column("keys", sa.Column("by_person", sa.Boolean, nullable=False, server_default="0"))
    for name in ("cap_day_nano", "cap_month_nano", "used_ms"):
        op.add_column("keys", sa.Column(name, sa.BigInteger))
    op.create_index("keys_of_account", "keys", ["account"])
    op.add_column("holds", sa.Column("counted", sa.Text))  # null: of a version that counted for no key
    op.create_table(
        "key_spend",
        sa.Column("period", sa.Text, primary_key=True),
        sa.Column("counter", sa.Text, primary_key=True),
        sa.Column("nano", sa.BigInteger, nullable=False),
    )
