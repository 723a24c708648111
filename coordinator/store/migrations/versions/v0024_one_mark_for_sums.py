"""Every sum over what is append-only has the same kind of mark. No release had another."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("seen", "seen_ms"):
        op.drop_column("marks", name)
    mine = "history_marks WHERE name = 'usage'"
    op.execute(sa.text(f"INSERT INTO marks (name, rolled) SELECT 'history', number FROM {mine}"))
    op.execute(sa.text(f"DELETE FROM {mine}"))
    for name in ("usage_of_account_by_id", "earnings_of_account"):  # of a database that stood at 0015 to 0023
        op.execute(sa.text(f"DROP INDEX IF EXISTS {name}"))
