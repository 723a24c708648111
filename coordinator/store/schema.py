"""All tables at once: whoever copies, empties or compares them must have imported each file that declares some."""

from coordinator.store import (
    alert_tables,
    history_tables,
    identity_tables,
    media_tables,
    operator_tables,
    owner_tables,
    rollup_tables,
    tables,
)

DECLARED_IN = (
    *(tables, alert_tables, history_tables, identity_tables, media_tables),
    *(operator_tables, owner_tables, rollup_tables),
)
metadata = tables.metadata
