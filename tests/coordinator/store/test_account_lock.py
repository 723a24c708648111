"""Who has locked an account is alone with it; who only refers to it goes on."""

from collections.abc import Callable
from contextlib import closing

import pytest

from coordinator.accounts.accounts import KeyRequest, create_account, create_key
from coordinator.store.account_lock import lock_account
from coordinator.store.database import Database
from coordinator.store.errors import Contended
from tests.coordinator.ledger.builders import Client, do, hold


def test_one_at_a_time_and_who_books_goes_on(postgres: Callable[[], str]) -> None:
    url = postgres()
    with closing(Database(url)) as one, closing(Database(url)) as other:
        alice = create_account(one, "alice", 0).id
        key = create_key(one, b"p" * 32, KeyRequest("k", alice), 0)[1].id
        with one.transaction() as connection:
            lock_account(connection, alice)
            do(other, hold(Client(alice, key)))
            with pytest.raises(Contended), other.transaction() as waiting:
                waiting.exec_driver_sql("SET LOCAL lock_timeout = 50")
                lock_account(waiting, alice)
