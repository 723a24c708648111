"""What operators did is there in the order in which they did it, and only if it was done."""

import pytest

from coordinator.store.audit_log import DETAIL, Deed, read, record
from coordinator.store.database import Database


def test_a_deed_is_written_with_what_it_says_or_not_at_all(database: Database) -> None:
    with database.transaction() as connection:
        record(connection, "key_1", "account disable", "acc_1", "x" * 9999, 5)
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        record(connection, "key_1", "grant", "acc_1", "", 6)
        raise ZeroDivisionError
    with database.transaction() as connection:
        record(connection, "command line", "grant", "acc_2", "", 7)
    newest, oldest = read(database, 10)
    assert (newest.actor, newest.target, newest.at_ms) == ("command line", "acc_2", 7)
    assert oldest == Deed(oldest.id, 5, "key_1", "account disable", "acc_1", "x" * DETAIL)
    assert read(database, 1) == [newest] and read(database, 10, before=newest.id) == [oldest]
