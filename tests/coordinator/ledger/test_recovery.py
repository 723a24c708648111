from coordinator.ledger.grants import Balance
from coordinator.ledger.orders import Checkpoint
from coordinator.ledger.recovery import FINISH, recover, sweep
from coordinator.ledger.usage import read
from coordinator.store.database import Database
from tests.coordinator.ledger.builders import client, do, hold, payer, settle, spark


def test_what_a_stream_had_delivered_is_billed_and_its_workers_are_paid(database: Database) -> None:
    alice, bob, carol = payer(database, spark_nano=10_000), client(database, "bob", 0), client(database, "carol", 0)
    served = ((f"{bob.account}/w", 3), (f"{carol.account}/w", 2))
    do(database, hold(alice, nano=9000), Checkpoint("j", served))
    assert recover(database, 5000, 99) == 1
    assert spark(database, alice) == Balance(available=10_000 - 5 * 900)
    assert spark(database, bob) == Balance(escrow=3 * 450)
    assert spark(database, carol) == Balance(escrow=2 * 450)
    (row,) = read(database)
    assert (row.finish, row.prompt, row.completion, row.cost_nano) == (FINISH, 0, 5, 4500)
    assert recover(database, 5000, 100) == 0


def test_a_stream_without_a_token_and_an_answer_that_was_to_come_whole_cost_nothing(database: Database) -> None:
    alice = payer(database)
    do(database, hold(alice, "a"), hold(alice, "b", streamed=False), Checkpoint("b", (("x/w", 9),)))
    assert recover(database, 5000, 99) == 2
    assert spark(database, alice) == Balance(available=1000)
    assert read(database) == []


def test_jobs_that_ended_are_left_alone(database: Database) -> None:
    alice = payer(database)
    do(database, hold(alice), settle(alice))
    assert recover(database, 5000, 99) == 0


def test_only_what_nobody_runs_is_swept_and_only_past_its_deadline(database: Database) -> None:
    alice = payer(database)
    do(database, *(hold(alice, job, deadline_ms=1000) for job in ("old", "runs")), hold(alice, "new", deadline_ms=3000))
    assert sweep(database, 5000, 2000, {"runs"}) == 1
    assert spark(database, alice) == Balance(available=800, held=200)


def test_a_stream_that_had_a_token_owes_its_prompt_for_each_choice_and_who_read_it_is_paid(database: Database) -> None:
    alice, bob, carol = payer(database, spark_nano=100_000), client(database, "bob", 0), client(database, "carol", 0)
    b, c = f"{bob.account}/w", f"{carol.account}/w"
    mark = Checkpoint("j", ((b, 3), (c, 2)), ((c, 10), (b, 5000)))
    do(database, hold(alice, nano=90_000, bound=20), Checkpoint("j", ((b, 1),), ((b, 10),)), mark)
    assert recover(database, 5000, 99) == 1
    assert spark(database, alice) == Balance(available=100_000 - 5 * 900 - (10 + 20) * 300)
    assert spark(database, bob) == Balance(escrow=3 * 450 + 20 * 150)
    assert spark(database, carol) == Balance(escrow=2 * 450 + 10 * 150)
    (row,) = read(database)
    assert (row.prompt, row.completion, row.cost_nano) == (30, 5, 5 * 900 + 30 * 300)
