from dataclasses import replace

import pytest

from coordinator.ledger.book import Book, HoldState
from coordinator.ledger.claims import Claimed, Claims
from coordinator.ledger.orders import (
    Checkpoint,
    Claim,
    Done,
    Held,
    Hold,
    Insufficient,
    Settle,
    SubAccount,
    Taken,
    Transfer,
)
from coordinator.ledger.pricing import Payee, Tariff

MINE = SubAccount("a", "spark", "available")


def book(**balances: int) -> Book:
    return Book({MINE: 100, **{SubAccount("a", "spark", kind): nano for kind, nano in balances.items()}}, {}, set())  # type: ignore[arg-type]


def hold(job: str = "j", nano: int = 40) -> Hold:
    return Hold(job, "a", "k", "m", True, Tariff(1, 1, 1), 10, "auto", nano, 1, 2)


def test_every_journal_adds_up_to_zero() -> None:
    one = book()
    assert one.carry_out(hold()) == Held({"spark": 40, "sogni": 0})
    one.carry_out(Settle("j", 30, (Payee("b/w", "b", 20),), (), 3))
    assert [journal.id for journal in one.journals] == ["hold:j", "settle:j"]
    assert all(sum(nano for _, nano in journal.entries) == 0 for journal in one.journals)
    assert {sub_account: nano for sub_account, nano in one.balances.items() if nano} == {
        MINE: 70,
        SubAccount("b", "spark", "escrow"): 20,
        SubAccount("platform", "spark", "promotions"): 10,
    }
    assert [(earning.account, earning.nano) for earning in one.earnings] == [("b", 20)]


def test_a_payee_who_gets_more_than_the_charge_is_refused() -> None:
    one = book()
    one.carry_out(hold())
    with pytest.raises(ValueError, match="more was charged"):
        one.carry_out(Settle("j", 10, (Payee("b/w", "b", 11),), (), 3))


def test_a_checkpoint_is_of_a_job_that_runs_and_says_something_new() -> None:
    one = book()
    one.holds["j"] = HoldState("a", {"spark": 1}, {})
    assert one.carry_out(Checkpoint("j", (("b/w", 3),))) == Done()
    assert one.carry_out(Checkpoint("j", (("b/w", 3),))) == Done(again=True)
    assert one.carry_out(Checkpoint("ghost", ())) == Done(again=True)
    assert one.holds["j"].served == (("b/w", 3),)


def test_a_transfer_moves_what_is_there_and_only_sources_go_below_zero() -> None:
    one = book(earned=50)
    out = Transfer("x", SubAccount("a", "spark", "earned"), MINE, 60, 1)
    assert one.carry_out(out) == Insufficient(50)
    mint = Transfer("m", SubAccount("platform", "spark", "promotions"), MINE, 60, 1)
    assert one.carry_out(mint) == Done()
    assert one.carry_out(mint) == Done(again=True)
    assert one.balances[SubAccount("platform", "spark", "promotions")] == -60
    assert one.carry_out(Transfer("n", MINE, SubAccount("b", "spark", "available"), -1, 1)) == Insufficient(160)


CLAIM = Claim("a", "key", "f", 0, 1)


def of_replica(owner: str, edge: str | None = None) -> Book:
    """The books as the replica `me` reads them, which was `i was` before: `owner` runs the job j."""
    held = HoldState("a", {"spark": 40}, {}, served=(("b/w", 3),), owner=owner)
    known = {("a", "key"): Claimed("f", 0, "j", edge, 1)} if edge else {}
    own = frozenset({"me", "i was"})
    balances = {MINE: 60, SubAccount("a", "spark", "held"): 40}
    return Book(balances, {"j": held}, set(), Claims("me", own, known), "platform/7")


def test_what_another_replica_runs_is_neither_held_again_nor_ended_here() -> None:
    one = of_replica("other")
    assert one.carry_out(hold()) == Taken()
    assert one.carry_out(Settle("j", 0, (), (), 3)) == Done(again=True)
    assert one.carry_out(Checkpoint("j", ())) == Done(again=True)
    assert not one.changed
    assert of_replica("i was").carry_out(hold()) == Held({"spark": 40}), "the same order once more"


def test_the_hold_of_a_dead_replica_is_taken_over_by_who_names_it_and_begins_anew() -> None:
    one = of_replica("dead", edge="dead")
    assert one.carry_out(replace(hold(), claim=CLAIM)) == Taken()
    assert one.carry_out(replace(hold(), claim=replace(CLAIM, instead_of="dead"))) == Held({"spark": 40})
    taken = one.holds["j"]
    assert (taken.owner, taken.served, one.claims.known["a", "key"].edge) == ("me", (), "me")
    assert one.carry_out(Settle("j", 30, (), (), 3)) == Done()


def test_whose_key_it_is_theirs_are_all_holds_of_its_request() -> None:
    """A picture of a chat was held by a replica that died before the last one did."""
    again = replace(hold(), claim=replace(CLAIM, instead_of="the last"))
    assert of_replica("dead").carry_out(again) == Taken(), "nobody has the key"
    assert of_replica("dead", edge="me").carry_out(again) == Held({"spark": 40})
    assert of_replica("dead", edge="other").carry_out(again) == Taken()
    one = of_replica("dead", edge="the last")
    assert one.carry_out(again) == Taken()
    assert one.carry_out(replace(CLAIM, instead_of="the last")) == Done()
    assert one.carry_out(again) == Held({"spark": 40})
    assert one.carry_out(replace(CLAIM, instead_of="else")) == Done(), "it is ours by now"
    assert of_replica("dead", edge="other").carry_out(CLAIM) == Taken()


def test_a_key_that_another_replica_has_claimed_holds_nothing() -> None:
    one = of_replica("other", edge="other")
    assert one.carry_out(replace(hold("k"), claim=CLAIM)) == Taken()
    assert not one.journals


def test_a_replica_books_the_platforms_part_in_its_own_purse() -> None:
    one = of_replica("me")
    one.carry_out(Settle("j", 30, (Payee("b/w", "b", 20),), (), 3))
    one.carry_out(Transfer("t", SubAccount("platform", "spark", "promotions"), MINE, 5, 1))
    assert one.balances[SubAccount("platform/7", "spark", "promotions")] == 10 - 5
    assert not [sub_account for sub_account in one.balances if sub_account.owner == "platform"]
