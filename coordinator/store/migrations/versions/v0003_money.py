"""Double entry: prices, balances, journals and their entries, holds, earnings."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("usage", sa.Column("request", sa.Text))
    op.create_index("ix_usage_request", "usage", ["request"])
    op.create_index("usage_of_account", "usage", ["account", "at_ms"])
    _books()
    _jobs()


def _books() -> None:
    op.create_table(
        "prices",
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("prompt", sa.BigInteger, nullable=False),
        sa.Column("completion", sa.BigInteger, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "balances",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, primary_key=True),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.CheckConstraint("nano >= 0 OR kind IN ('promotions', 'deposits')", name="no_debt"),
    )
    op.create_table(
        "journals",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
    )
    op.create_table(
        "entries",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("journal", sa.Text, sa.ForeignKey("journals.id"), nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("journal", "owner", "currency", "kind", name="one_entry_a_purse"),
    )


def _jobs() -> None:
    op.create_table(
        "holds",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("key", sa.Text, sa.ForeignKey("keys.id"), nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("streamed", sa.Boolean, nullable=False),
        sa.Column("price_version", sa.Integer, nullable=False),
        sa.Column("price_prompt", sa.BigInteger, nullable=False),
        sa.Column("price_completion", sa.BigInteger, nullable=False),
        sa.Column("bound", sa.BigInteger, nullable=False),
        sa.Column("spark", sa.BigInteger, nullable=False),
        sa.Column("sogni", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("charge", sa.BigInteger),
        sa.Column("served", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("deadline_ms", sa.BigInteger, nullable=False),
        sa.Column("ended_ms", sa.BigInteger),
        sa.CheckConstraint(
            "spark >= 0 AND sogni >= 0 AND charge >= 0 AND charge <= spark + sogni", name="within_the_hold"
        ),
        sa.CheckConstraint(
            "(state = 'held' AND charge IS NULL AND ended_ms IS NULL) OR (state IN ('settled', 'void')"
            " AND charge IS NOT NULL AND ended_ms IS NOT NULL)",
            name="one_end",
        ),
    )
    op.create_index("holds_by_state", "holds", ["state", "deadline_ms"])
    op.create_table(
        "earnings",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("job", sa.Text, sa.ForeignKey("holds.job"), nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("account", sa.Text, sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("matured_ms", sa.BigInteger),
        sa.UniqueConstraint("job", "worker", "currency", name="one_earning_a_job"),
    )
    op.create_index("earnings_in_escrow", "earnings", ["account", "matured_ms"])
