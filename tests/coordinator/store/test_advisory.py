from collections.abc import Callable
from pathlib import Path

from coordinator.store.advisory import Lock, free, wait
from coordinator.store.database import Database


def test_one_has_a_lock_until_its_transaction_ends(postgres: Callable[[], str]) -> None:
    url = postgres()
    one, other = Database(url), Database(url)
    with one.transaction() as mine:
        wait(mine, Lock.SWEEP)
        with other.transaction() as theirs:
            assert not free(theirs, Lock.SWEEP)
            assert free(theirs, Lock.MATURE)
    with other.transaction() as theirs:
        assert free(theirs, Lock.SWEEP)
    one.close()
    other.close()


def test_in_a_file_a_transaction_is_the_only_one(database_file: Path) -> None:
    database = Database(database_file)
    with database.transaction() as connection:
        wait(connection, Lock.SWEEP)
        assert free(connection, Lock.SWEEP)
    database.close()
