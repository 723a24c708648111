import pytest

from coordinator.ledger.book import Book, HoldState
from coordinator.ledger.orders import Checkpoint, Done, Held, Hold, Insufficient, Settle, SubAccount, Transfer
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
