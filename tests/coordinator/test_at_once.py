"""Three replicas are asked the same at once: it happens once, nobody sees a fault of the database, the books add up."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from itertools import count
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, select

from coordinator.accounts.accounts import KeyRequest, create_account, create_key, regenerate_key
from coordinator.accounts.asking import By, done_by
from coordinator.accounts.rows import KeyRow, list_keys
from coordinator.alerts import outbox_rows
from coordinator.alerts.messages import Message
from coordinator.identity.joining import (
    Answered,
    Newcomer,
    add_another,
    passkey_row,
    recover,
    sign_in,
    sign_up,
)
from coordinator.identity.passkeys import Passkey
from coordinator.identity.rows import A_DAY, add_invite, new_invite, passkeys_of, replace_codes
from coordinator.identity.tokens import Tokens
from coordinator.ledger.audit import check
from coordinator.ledger.commit import commit
from coordinator.ledger.escrow import Terms, mature
from coordinator.ledger.grants import bonus, grant, granted, hooked_deposit
from coordinator.ledger.orders import Answer, Decision, Done, Hold, Insufficient
from coordinator.ledger.payouts import Wanted, ask, decide, withdraw
from coordinator.ledger.pricing import Payee
from coordinator.operating.changes import book, give, pay_in
from coordinator.store.audit_log import Act, read
from coordinator.store.database import Database
from coordinator.store.errors import Contended, StoreError, Unavailable
from coordinator.store.tables import accounts
from tests.coordinator.ledger.builders import Client, do, hold, payer, settle, spark

REPLICAS = 3
PEPPER = b"p" * 32
FOR_EVER = 10**15
Replicas = list[Database]


@pytest.fixture
def replicas(address: str) -> Iterator[Replicas]:
    with ExitStack() as opened:
        yield [opened.enter_context(closing(Database(address))) for _ in range(REPLICAS)]
        with closing(Database(address)) as database:
            assert check(database) == []


def at_once(replicas: Replicas, *works: Callable[[Database], Any]) -> list[Any]:
    """What each made of it: a value, or why it was refused. One work is everybody's. Raises what is a fault."""
    ready = Barrier(len(replicas))

    def one(database: Database, work: Callable[[Database], Any]) -> Any:
        ready.wait()
        try:
            return work(database)
        except Unavailable:
            raise
        except StoreError as refused:
            return refused

    with ThreadPoolExecutor(len(replicas)) as threads:
        return [*threads.map(one, replicas, works * len(replicas) if len(works) == 1 else works)]


def done(outcomes: list[Any]) -> list[Any]:
    return [outcome for outcome in outcomes if not isinstance(outcome, StoreError)]


_numbers = count(1)


def answered() -> Answered:
    number = next(_numbers)
    return Answered(f"challenge {number}", FOR_EVER, f"session {number}")


def newcomer(invite: str | None = None, place: str | None = None) -> Newcomer:
    number = next(_numbers)
    return Newcomer(f"acc_{number}", f"member-{number}", Passkey(f"pk{number}", b"key", 0), invite, place)


def joins(invite: str | None = None, place: str | None = None) -> Callable[[Database], Any]:
    return lambda database: sign_up(database, PEPPER, newcomer(invite, place), answered(), 700, 5)


def member(database: Database) -> KeyRow:
    """The first key of a new account."""
    new = newcomer()
    sign_up(database, PEPPER, new, answered(), 700, 5)
    return next(key for key in list_keys(database, new.account) if key.session_ends_ms is None)


def owner(database: Database) -> KeyRow:
    """Who has earned 40 that can be paid out."""
    bob, alice, job = member(database), payer(database, f"payer {next(_numbers)}"), f"j{next(_numbers)}"
    do(database, hold(alice, job), settle(alice, job, payees=(Payee(f"{bob.account}/w", bob.account, 40),)))
    mature(database, Terms(0, 0), 1000)
    return bob


def acts(key: KeyRow, work: Callable[..., Any], *args: Any) -> Callable[[Database], Any]:
    return lambda database: done_by(database, By(key.id, key.account), 9, work, *args)


def test_an_invite_lets_one_in(replicas: Replicas) -> None:
    invite = new_invite(Tokens(PEPPER), 1, 9, "")[1]
    add_invite(replicas[0], invite)
    assert len(done(at_once(replicas, joins(invite.id)))) == 1
    assert len(replicas[0].query(select(accounts))) == 1, "and leaves nothing of the others"


def test_sign_ups_of_one_place_are_all_counted(replicas: Replicas) -> None:
    assert len(done(at_once(replicas, joins(place="here")))) == REPLICAS <= A_DAY
    assert len(done(at_once(replicas, joins(place="here")))) == A_DAY - REPLICAS


def test_a_challenge_and_a_code_let_in_once(replicas: Replicas) -> None:
    key = member(replicas[0])
    (row,), once = passkeys_of(replicas[0], key.account), answered()
    assert len(done(at_once(replicas, lambda database: sign_in(database, row, 1, once, 9)))) == 1
    new, once = passkey_row(key.account, "b", Passkey("pk new", b"key", 0), 9), answered()
    assert len(done(at_once(replicas, lambda database: add_another(database, new, once, 9)))) == 1
    replace_codes(replicas[0], key.account, ["code"], "", 9)
    outcomes = at_once(replicas, lambda database: recover(database, "code", f"session {next(_numbers)}", 9))
    assert len(done(outcomes)) == 1
    live = [one for one in list_keys(replicas[0], key.account) if one.session_ends_ms and one.revoked_ms is None]
    assert len(live) == 1


def test_a_bonus_is_claimed_once(replicas: Replicas) -> None:
    key = member(replicas[0])
    outcomes = at_once(replicas, acts(key, book, bonus(key.account, 7, 9), None, 9))
    assert sorted(one.again for one in outcomes) == [False] + [True] * (REPLICAS - 1)
    assert spark(replicas[0], Client(key.account, key.id)).available == 707


def test_a_key_has_one_heir(replicas: Replicas) -> None:
    key = member(replicas[0])
    assert len(done(at_once(replicas, acts(key, regenerate_key, PEPPER, key.id, 9)))) == 1
    assert len([one for one in list_keys(replicas[0], key.account) if one.revoked_ms is None]) == 2, "and the session"


def test_a_payout_is_asked_for_approved_and_sent_once(replicas: Replicas) -> None:
    key = owner(replicas[0])
    wanted = Wanted(key.account, "spark", 25, "bank 7", key.id)
    (payout,) = done(at_once(replicas, acts(key, ask, wanted, 9)))
    decisions: tuple[Decision, ...] = ("approve", "sent")
    for decision in decisions:
        decided = at_once(
            replicas, partial(decide, payout_id=payout.id, decision=decision, note="", actor="k", at_ms=9)
        )
        assert len(done(decided)) == 1
    assert spark(replicas[0], Client(key.account, key.id)).earned == 15
    assert [deed.action for deed in read(replicas[0], 9)] == ["payout sent", "payout approve"]


def test_a_payout_is_withdrawn_refused_or_approved(replicas: Replicas) -> None:
    key = owner(replicas[0])
    payout = ask(replicas[0], Wanted(key.account, "spark", 25, "bank 7", key.id), 9)
    outcomes = at_once(
        replicas,
        acts(key, withdraw, key.account, payout.id, 9),
        lambda database: decide(database, payout.id, "refuse", "", "k", 9),
        lambda database: decide(database, payout.id, "approve", "", "k", 9),
    )
    (changed,) = done(outcomes)
    left = 15 if changed.state == "approved" else 40
    assert spark(replicas[0], Client(key.account, key.id)).earned == left


@pytest.mark.parametrize("of", ["payment service", "operator"])
def test_money_is_paid_in_once(replicas: Replicas, of: str) -> None:
    key = member(replicas[0])
    if of == "operator":
        order = grant(key.account, "spark", 9, 9, "grant", "", "token")
        rivals = (granted(key.account, "deposit", "token"),)
        outcomes = at_once(
            replicas, lambda database: give(database, order, rivals, Act("key_1", "grant", key.account), 9)
        )
        assert len(read(replicas[0], 9)) == 1
    else:
        paid = hooked_deposit("msg", key.account, "spark", 9, 9, "")
        outcomes = at_once(replicas, lambda database: pay_in(database, paid))
    assert sorted(outcomes) == [False] + [True] * (REPLICAS - 1)
    assert spark(replicas[0], Client(key.account, key.id)).available == 709


def test_no_more_is_held_and_spent_than_there_is(replicas: Replicas) -> None:
    key = member(replicas[0])
    who = Client(key.account, key.id)
    orders: list[Hold] = [hold(who, f"j{number}", nano=400) for number in range(REPLICAS)]
    work = [partial(commit, orders=[order]) for order in orders]
    answers: list[Answer] = [answer for (answer,) in at_once(replicas, *work)]
    assert sum(isinstance(answer, Insufficient) for answer in answers) == REPLICAS - 1
    ends = at_once(replicas, lambda database: commit(database, [settle(who, order.job) for order in orders]))
    booked = [answer for answers in ends for answer in answers if answer == Done()]
    assert len(booked) == 1 and spark(replicas[0], who).available == 640


def test_a_message_is_claimed_once(replicas: Replicas) -> None:
    with replicas[0].transaction() as connection:
        for number in range(4):
            message = Message("operator", "worker_down", f"w{number}", "warning", False, "down", "It is down.")
            outbox_rows.put(connection, [message], [], 9)
    claimed = [one for ones in at_once(replicas, lambda database: outbox_rows.claim(database, 9, 8)) for one in ones]
    assert len({one.id for one, _ in claimed}) == len(claimed) == 4


def test_keys_that_are_made_while_other_writers_are_in_the_way_are_made(replicas: Replicas) -> None:
    """A deadlock with a deletion is tried again, as PostgreSQL wants: its client is not asked to come again."""
    account, left = create_account(replicas[0], "alice", 1, 0).id, count()

    def in_the_way(database: Database) -> Any:
        def once(connection: Connection) -> None:
            if next(left) % 2 == 0:
                raise Contended("deadlock detected")

        with database.along(once):
            _, row = create_key(database, PEPPER, KeyRequest("k", account), 5)
        with database.along(once):
            return regenerate_key(database, PEPPER, row.id, 6)[1].name

    assert in_the_way(replicas[0]) == "k" and next(left) == 4
    assert [key.revoked_ms for key in list_keys(replicas[0], account)] == [6, None]
