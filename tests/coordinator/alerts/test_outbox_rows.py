"""Messages on their way: each is tried by one replica at a time, a few times, in order, and not too many a day."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from coordinator.accounts.accounts import create_account
from coordinator.alerts import outbox_rows
from coordinator.alerts.address_rows import (
    MOST_FAILURES,
    PAUSED,
    REMOVED,
    Address,
    add_address,
    get_address,
    note_test,
    remove_address,
)
from coordinator.alerts.kinds import OPERATOR
from coordinator.alerts.messages import Message
from coordinator.alerts.outbox_rows import (
    BACKOFF_S,
    KEPT_MS,
    LEASE_MS,
    MOST_A_DAY,
    Delivery,
    claim,
    deliveries_of,
    put,
    settle,
    sweep,
)
from coordinator.clock import DAY_MS
from coordinator.store.advisory import Lock, free
from coordinator.store.database import Database
from coordinator.store.errors import Contended
from tests.coordinator.alerts.test_address_rows import made

NOW = 1_000_000_000


@pytest.fixture
def there(database: Database) -> Address:
    one = made(create_account(database, "alice", 1, 0).id)
    add_address(database, one)
    return one


def message(account: str, title: str = "attic is down", kind: str = "worker_down", subject: str = "w") -> Message:
    return Message(account, kind, subject, "error", False, title, "text.")


def queued(database: Database, there: Address, *messages: Message, at_ms: int = NOW) -> int:
    with database.transaction() as connection:
        return put(connection, messages or [message(there.account)], [there], at_ms)


def due(database: Database, at_ms: int = NOW, most: int = 8) -> list[Delivery]:
    return [one for one, _ in claim(database, at_ms, most)]


def test_a_message_goes_to_the_addresses_that_want_it(database: Database, there: Address) -> None:
    other = message("acc_other")
    unwanted = message(there.account, kind="worker_hot")
    assert queued(database, there, message(there.account), other, unwanted) == 1
    ((one, where),) = claim(database, NOW, 8)
    assert (one.title, one.tries, where) == ("attic is down", 1, there)


def test_the_operators_need_no_address(database: Database, there: Address) -> None:
    assert queued(database, there, message(OPERATOR, kind="disk")) == 1
    ((one, where),) = claim(database, NOW, 8)
    assert (one.account, where) == (OPERATOR, None)


def test_a_low_balance_is_told_where_its_bound_was_given(database: Database, there: Address) -> None:
    wanting = Address(**{**vars(there), "alerts": ("balance_low",)})
    mine = message(there.account, kind="balance_low", subject=there.id)
    other = message(there.account, kind="balance_low", subject="alert_other")
    assert queued(database, wanting, mine, other) == 1


def test_who_has_claimed_one_has_it_for_a_while(database: Database, there: Address) -> None:
    queued(database, there)
    assert len(due(database)) == 1
    assert due(database) == []
    (again,) = due(database, NOW + LEASE_MS)
    assert again.tries == 2, "whoever had it is dead"


def test_one_replica_claims_at_a_time(postgres: Callable[[], str]) -> None:
    url = postgres()
    with closing(Database(url)) as one, closing(Database(url)) as other:
        mine = made(create_account(one, "alice", 1, 0).id)
        add_address(one, mine)
        queued(one, mine)
        with one.transaction() as connection:
            assert free(connection, Lock.ALERTS)
            assert due(other) == []
        assert len(due(other)) == 1 and due(one) == []


def test_tries_have_pauses_and_an_end(database: Database, there: Address) -> None:
    queued(database, there)
    at_ms = NOW
    for pause_s in BACKOFF_S:
        (one,) = due(database, at_ms)
        settle(database, one, "refused with status 503", False, True, at_ms)
        assert due(database, at_ms + int(pause_s * 1000) - 1) == []
        at_ms += int(pause_s * 1000)
    (last,) = due(database, at_ms)
    settle(database, last, "refused with status 503", False, True, at_ms)
    assert due(database, at_ms + DAY_MS) == []
    (shown,) = deliveries_of(database, there.account)
    assert (shown.state, shown.status, shown.tries) == ("failed", "refused with status 503", 5)
    assert get_address(database, there.account, there.id).failures == 1, "of messages, not of tries"


@pytest.mark.parametrize(("delivered", "state"), [(True, "sent"), (False, "failed")])
def test_what_another_try_does_not_help_has_one(
    database: Database, there: Address, delivered: bool, state: str
) -> None:
    queued(database, there)
    (one,) = due(database)
    settle(database, one, "words", delivered, False, NOW)
    assert due(database, NOW + DAY_MS) == []
    assert deliveries_of(database, there.account)[0].state == state


def test_the_end_is_told_after_the_beginning(database: Database, there: Address) -> None:
    queued(database, there)
    queued(database, there, message(there.account, "attic is back"), at_ms=NOW + 60_000)
    (first,) = due(database, NOW + 60_000)
    assert first.title == "attic is down"
    settle(database, first, "refused with status 503", False, True, NOW + 60_000)
    assert due(database, NOW + 60_000) == [], "the second waits for the first"
    (first,) = due(database, NOW + 100_000)
    settle(database, first, "arrived", True, False, NOW + 100_000)
    assert [one.title for one in due(database, NOW + 100_000)] == ["attic is back"]


def test_a_day_has_a_bound_that_is_told(database: Database, there: Address) -> None:
    many = [message(there.account, f"{number}") for number in range(MOST_A_DAY + 20)]
    assert queued(database, there, *many) == MOST_A_DAY
    assert queued(database, there) == 0
    texts = [one.text for one in due(database, most=100)]
    assert len([text for text in texts if "last message of today" in text]) == 1
    assert queued(database, there, at_ms=NOW + DAY_MS + 1) == 1
    assert queued(database, there, message(OPERATOR)) == 1, "others are not held up"


def test_an_address_that_never_answers_holds_up_nobody(database: Database, there: Address) -> None:
    other = made(there.account)
    add_address(database, other)
    queued(database, there, message(there.account, "slow"))
    (slow,) = due(database)
    settle(database, slow, "there was no answer within 10 s", False, True, NOW)
    queued(database, other, message(there.account, "new"), at_ms=NOW + 60_000)
    queued(database, other, message(OPERATOR, "the operator's", kind="disk"), at_ms=NOW + 60_001)
    assert [due(database, NOW + 60_001, 1)[0].title for _ in range(3)] == ["the operator's", "new", "slow"]


def test_who_removes_an_address_and_adds_it_anew_is_sent_no_more_on_a_day(database: Database, there: Address) -> None:
    queued(database, there, *(message(there.account, f"{number}") for number in range(MOST_A_DAY)))
    for one in due(database, most=10):
        settle(database, one, "arrived", True, False, NOW)
    remove_address(database, there.account, there.id)
    assert due(database, most=100) == []
    add_address(database, there)
    assert queued(database, there) == 0
    assert queued(database, there, at_ms=NOW + DAY_MS + 1) == 1


def test_what_waits_for_an_address_that_is_gone_or_paused_is_dropped(database: Database, there: Address) -> None:
    queued(database, there)
    remove_address(database, there.account, there.id)
    assert due(database) == []
    add_address(database, there)
    queued(database, there)
    for _ in range(MOST_FAILURES):
        queued(database, there)
    for one in due(database, most=100):
        settle(database, one, "refused", False, False, NOW)
    assert get_address(database, there.account, there.id).paused
    with database.transaction() as connection:
        paused = get_address(database, there.account, there.id)
        assert put(connection, [message(there.account)], [paused], NOW) == 0
    queued(database, there)
    before = len(deliveries_of(database, there.account))
    assert due(database) == []
    told = deliveries_of(database, there.account)
    assert len(told) == before, "it counts for the day: else who pauses and tests an address is sent without end"
    dropped = [one.status for one in told if one.state == "failed" and one.tries == 0]
    assert Counter(dropped) == Counter([PAUSED, REMOVED])  # both are of one moment, so they have no order
    note_test(database, there.id, "arrived", True, NOW)
    assert due(database) == [], "what was dropped does not come back"


def test_what_is_old_is_swept(database: Database, there: Address) -> None:
    queued(database, there)
    with database.transaction() as connection:
        sweep(connection, NOW + KEPT_MS)
        sweep(connection, NOW + KEPT_MS + 1)
    assert deliveries_of(database, there.account) == []


def test_a_writer_in_the_way_has_no_message_sent_again(
    database: Database, there: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(database, there, message(there.account))
    (one,) = due(database)

    def in_the_way(*tried: Any) -> None:
        monkeypatch.undo()
        raise Contended("deadlock detected")

    monkeypatch.setattr(outbox_rows, "tried", in_the_way)
    settle(database, one, "arrived", True, False, NOW)
    assert due(database, NOW + LEASE_MS) == []
