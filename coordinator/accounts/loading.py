"""All keys as the database has them: what a process holds in memory of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from coordinator.accounts.chains import Counter, chains
from coordinator.accounts.keys_in_use import Principal
from coordinator.accounts.rows import AccountRow, KeyRow, list_accounts, list_in_place
from coordinator.store.database import Database


@dataclass(frozen=True)
class Loaded:
    """`in_use`: by the hash of the key; `disabled`: the hashes of keys that would work if they were enabled."""

    in_use: Mapping[str, Principal]
    disabled: frozenset[str]


def load(database: Database, at_ms: int) -> Loaded:
    """Raises Unavailable."""
    owners = {account.id: account for account in list_accounts(database) if not account.disabled}
    rows = list_in_place(database, at_ms)
    counters = chains(rows)
    alive = [row for row in rows if row.revoked_ms is None and row.account in owners]
    in_use = {row.hash: _principal(row, owners[row.account], counters[row.id]) for row in alive if not row.disabled}
    return Loaded(in_use, frozenset(row.hash for row in alive if row.disabled))


def _principal(row: KeyRow, owner: AccountRow, counters: tuple[Counter, ...]) -> Principal:
    return Principal(
        row.id, owner.id, row.scopes, counters, owner.weight, row.expires_ms, row.platform_tools, row.session_ends_ms
    )
