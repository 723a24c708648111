"""One account at a time: who counts what it has, and acts on that, keeps others from doing the same meanwhile."""

from sqlalchemy import Connection, select

from coordinator.store.tables import accounts


def lock_account(connection: Connection, account: str) -> None:
    """Keep other transactions that lock the account (its id) waiting until this one has ended: what is counted is then
    still so when it is acted upon. Taken before any other row, so that no two wait for each other; those who only
    refer to the account go on."""
    connection.execute(select(accounts.c.id).where(accounts.c.id == account).with_for_update(key_share=True))
