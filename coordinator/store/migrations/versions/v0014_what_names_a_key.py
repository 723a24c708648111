"""Whether anything names a key is found without reading all use: what nothing names can be deleted."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("usage_of_key", "usage", ["key"])
    op.create_index("holds_of_key", "holds", ["key"])
