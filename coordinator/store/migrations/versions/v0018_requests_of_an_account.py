"""An account's requests are listed, and found by what its client knows them by. One that no worker had says why."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("holds", sa.Column("request_id", sa.Text))
    op.add_column("holds", sa.Column("failure", sa.Text))
    op.create_index("holds_of_account", "holds", ["account", "at_ms", "job"])
    named = sa.text("request_id IS NOT NULL")
    columns = ["account", "request_id", "at_ms", "job"]
    op.create_index("holds_by_request_id", "holds", columns, sqlite_where=named, postgresql_where=named)
