"""The books know what was given and what was paid in.

What accounts have to spend counts as given, unless it was paid in: a deposit that is not spent yet becomes `funded`.
What workers have earned so far is theirs as it was promised, whatever it was paid with; the operator takes over what of
it was paid with given tokens, in one journal for each currency.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PAID_IN = "('deposits', 'funded', 'earned', 'escrow', 'revenue')"


def upgrade() -> None:
    op.add_column("holds", sa.Column("spark_funded", sa.BigInteger))
    op.add_column("holds", sa.Column("sogni_funded", sa.BigInteger))
    op.add_column("earnings", sa.Column("given", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "promotion_days",
        sa.Column("day", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("nano", sa.BigInteger, nullable=False),
        sa.Column("account_nano", sa.BigInteger, nullable=False),
    )
    _deposits()
    _taken_over()


def _deposits() -> None:
    paid_in = (
        "SELECT b.owner, b.currency, b.nano, SUM(e.nano) FROM balances b JOIN entries e ON e.owner = b.owner"
        " AND e.currency = b.currency AND e.kind = 'available' AND e.journal LIKE 'deposit:%'"
        " WHERE b.kind = 'available' AND b.nano > 0 GROUP BY b.owner, b.currency, b.nano"
    )
    for owner, currency, nano, deposited in op.get_bind().execute(sa.text(paid_in)).all():
        amount = min(int(nano), int(deposited))
        name = f"funded:{owner}:{currency}"
        _book(name, "deposits not spent yet", currency, {(owner, "available"): -amount, (owner, "funded"): amount})


def _taken_over() -> None:
    counted = f"SELECT currency, SUM(nano) FROM balances WHERE kind IN {PAID_IN} GROUP BY currency"
    for currency, nano in op.get_bind().execute(sa.text(counted)).all():
        if nano:
            moved = {("platform", "deposits"): -int(nano), ("platform", "promotions"): int(nano)}
            _book(f"taken_over:{currency}", "earned with given tokens, as promised", currency, moved)


def _book(name: str, note: str, currency: str, moved: dict[tuple[str, str], int]) -> None:
    run = op.get_bind().execute
    run(
        sa.text("INSERT INTO journals (id, at_ms, note) VALUES (:id, :at_ms, :note)"),
        {"id": name, "at_ms": time.time_ns() // 1_000_000, "note": note},
    )
    for (owner, kind), nano in moved.items():
        place = {"owner": owner, "currency": currency, "kind": kind, "nano": nano}
        run(
            sa.text(
                "INSERT INTO entries (journal, owner, currency, kind, nano)"
                " VALUES (:journal, :owner, :currency, :kind, :nano)"
            ),
            {"journal": name, **place},
        )
        same = "owner = :owner AND currency = :currency AND kind = :kind"
        if not run(sa.text(f"UPDATE balances SET nano = nano + :nano WHERE {same}"), place).rowcount:
            run(sa.text("INSERT INTO balances VALUES (:owner, :currency, :kind, :nano)"), place)
