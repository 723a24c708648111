from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.ledger.pricing import (
    TOKEN_TYPES,
    Payee,
    Quote,
    Served,
    Tariff,
    TokenType,
    Units,
    bill,
    decimal,
    most,
    split,
    take,
)

TARIFF = Tariff(3, 300, 900)
NANOS = st.integers(0, 10**15)


@given(st.integers(1, 5000), st.integers(1, 9000), st.integers(0, 99), st.integers(0, 99), st.data())
def test_no_request_within_its_bounds_costs_more_than_the_most(
    bound: int, max_tokens: int, p: int, c: int, data: st.DataObject
) -> None:
    context = 5000
    answer = data.draw(st.integers(0, min(max_tokens, context)))
    prompt = data.draw(st.integers(0, min(bound, context - answer)))
    assert prompt * p + answer * c <= most(Tariff(1, p, c), min(bound, context), max_tokens, context)


def test_choices_are_held_for_one_by_one() -> None:
    assert most(TARIFF, 10, 20, 1000, 3) == 3 * (10 * 300 + 20 * 900)


@given(NANOS, NANOS, NANOS, st.sampled_from(TOKEN_TYPES))
def test_what_is_taken_is_what_it_costs_and_never_more_than_there_is(
    a: int, b: int, nano: int, kind: TokenType
) -> None:
    taken = take(nano, {"spark": a, "sogni": b}, kind)
    if taken is None:
        assert nano > {"auto": a + b, "spark": a, "sogni": b}[kind]
        return
    assert sum(taken.values()) == nano
    assert taken.get("spark", 0) <= a and taken.get("sogni", 0) <= b
    assert not (kind == "auto" and taken["sogni"] and taken["spark"] < a)


def test_failover_is_one_bill_and_each_worker_is_paid_for_its_own_tokens() -> None:
    served = Served(100, "bob/w", (("ann/w", 10), ("bob/w", 20)))
    found = bill(TARIFF, 1000, 10**9, [served], "client", 7000)
    assert found.charge == 100 * 300 + 30 * 900
    assert found.costs == (found.charge,)
    assert set(found.payees) == {
        Payee("ann/w", "ann", 10 * 900 * 7 // 10),
        Payee("bob/w", "bob", (100 * 300 + 20 * 900) * 7 // 10),
    }


def test_a_worker_earns_nothing_with_the_jobs_of_its_own_account() -> None:
    found = bill(TARIFF, 1000, 10**9, [Served(1, "me/w", (("me/w", 2), ("you/w", 3)))], "me", 10_000)
    assert found.payees == (Payee("you/w", "you", 2700),)
    assert found.charge == 300 + 5 * 900


def test_a_prompt_is_never_longer_than_its_bound_whatever_a_worker_claims() -> None:
    found = bill(TARIFF, 50, 10**9, [Served(10**6, "b/w", (("b/w", 1),))], "c", 10_000)
    assert found.charge == 50 * 300 + 900


@given(
    st.lists(
        st.builds(
            Served,
            st.integers(0, 500),
            st.sampled_from([None, "a/1", "b/2"]),
            st.lists(st.tuples(st.sampled_from(["a/1", "b/2", "me/3"]), st.integers(0, 100)), max_size=3).map(tuple),
        ),
        max_size=4,
    ),
    st.integers(0, 10**6),
    st.integers(0, 10_000),
)
def test_a_bill_is_within_the_hold_and_workers_get_no_more_than_their_share(
    served: list[Served], held: int, share: int
) -> None:
    found = bill(TARIFF, 300, held, served, "me", share)
    assert found.charge == sum(found.costs) <= held
    assert sum(payee.nano for payee in found.payees) * 10_000 <= found.charge * share
    assert all(payee.account != "me" for payee in found.payees)


def test_a_charge_is_split_in_the_order_of_spending() -> None:
    assert split(130, {"spark": 100, "sogni": 50}) == {"spark": 100, "sogni": 30}
    with pytest.raises(ValueError, match="20 more"):
        split(170, {"spark": 100, "sogni": 50})


@given(st.integers(-(10**18), 10**18))
def test_dollars_and_sparks_are_exact(nano: int) -> None:
    assert Fraction(decimal(nano)) == Fraction(nano, 10**9)
    assert Fraction(decimal(nano, 5_000_000)) == Fraction(nano, 5_000_000)


def test_amounts_read_as_people_write_them() -> None:
    assert [decimal(nano) for nano in (0, 1, 10**9, 1_500_000_000, -2)] == [
        "0",
        "0.000000001",
        "1",
        "1.5",
        "-0.000000002",
    ]
    assert decimal(1, 3) == "0.333333333333"


def test_a_quote_says_what_the_tokens_cost_and_which_sub_account_pays() -> None:
    quote = Quote(TARIFF, 1000, {"spark": 1000, "sogni": 10**6}, Units(10_000_000))
    assert quote.shown(5, 5) == {
        "cost": 0.000006,
        "cost_nano_usd": 6000,
        "cost_details": {"usd": "0.000006", "spark": "0.0002", "sogni": "0.0005"},
    }
