"""Files that workers made or clients sent, and what was reported about them."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

Serial = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "artefacts",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("job", sa.Text, unique=True),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text),
        sa.Column("sent_sha256", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("fps", sa.Float, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("blocked", sa.Boolean, nullable=False, server_default="0"),
    )
    op.create_index("artefacts_of_account", "artefacts", ["account", "made_ms", "id"])
    op.create_index("artefacts_of_object", "artefacts", ["sha256"])
    op.create_index("artefacts_by_end", "artefacts", ["expires_ms"])
    op.create_table(
        "reports",
        sa.Column("id", Serial, primary_key=True, autoincrement=True),
        sa.Column("artefact", sa.Text, nullable=False),
        sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("job", sa.Text),
        sa.Column("sha256", sa.Text),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("artefact", "account", name="one_report_each"),
    )
    op.create_index("reports_of_account", "reports", ["account", "at_ms"])
