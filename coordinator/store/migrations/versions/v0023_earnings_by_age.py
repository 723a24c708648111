"""What waits in escrow is found by its age, however much has matured before."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    young = sa.text("matured_ms IS NULL")
    columns = ["at_ms", "account"]
    op.create_index("earnings_by_age", "earnings", columns, sqlite_where=young, postgresql_where=young)
