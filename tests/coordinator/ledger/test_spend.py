"""What keys spend, pure."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from coordinator.clock import DAY_MS
from coordinator.ledger.book import Book
from coordinator.ledger.orders import Capped, Counted, Done, Held, SubAccount
from coordinator.ledger.spend import Spend, ends_ms, periods, purses
from tests.coordinator.ledger.builders import Client, hold, settle


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


NOON = ms("2026-12-01T12:00")
AT = ms("2026-12-31T23:59:59.999")
ASKED = replace(hold(Client("a", "k"), nano=100), at_ms=AT, counted=(Counted("k", 150), Counted("above", None, 120)))


def test_a_day_and_a_month_are_those_of_utc_and_say_when_they_are_over() -> None:
    assert periods(AT) == {"day": "2026-12-31", "month": "2026-12"}
    assert periods(AT + 1) == {"day": "2027-01-01", "month": "2027-01"}
    assert ends_ms("day", AT) == ends_ms("month", AT) == AT + 1
    assert ends_ms("day", ms("2024-02-28T12:00")) == ms("2024-02-29")
    assert ends_ms("month", ms("2026-11-30T12:00")) == ms("2026-12-01")


def test_a_cap_is_held_against_what_is_spent_and_what_is_held() -> None:
    spend = Spend()
    assert spend.refusal(ASKED) is None
    spend.add(("k",), AT, 50)
    assert spend.refusal(ASKED) is None, "exactly what is left"
    spend.add(("k",), AT, 1)
    assert spend.refusal(ASKED) == Capped("k", "day", 150, 51)
    spend.add(("k",), AT, -51)
    spend.add(("above",), AT, 21)
    assert spend.refusal(ASKED) == Capped("above", "month", 120, 21)
    assert spend.refusal(replace(ASKED, at_ms=AT + 1)) is None, "a new month"
    assert spend.refusal(replace(ASKED, nano=0)) is None, "what costs nothing passes no cap"


def test_what_is_counted_lies_in_a_day_and_in_a_month() -> None:
    assert purses(("k",), AT) == {("2026-12-31", "k"), ("2026-12", "k")}
    spend = Spend({("2026-12", "k"): 5})
    spend.add(("k",), AT, 7)
    spend.add(("k",), AT, 0)
    assert spend.nano == {("2026-12", "k"): 12, ("2026-12-31", "k"): 7}
    assert spend.before == {("2026-12", "k"): 5}


Step = tuple[int, int, int, float]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 120), st.integers(0, 40), st.floats(0, 1)), max_size=40),
    st.integers(1, 400),
    st.integers(1, 900),
)
def test_no_order_of_holds_and_ends_passes_a_cap(steps: list[Step], day: int, month: int) -> None:
    """In groups as they come. The model beside it: of each key, what its holds on a day may cost, or did."""
    alice = Client("a", "k")
    book = Book({SubAccount("a", "spark", "available"): 10**12}, {}, set())
    caps = {"k0": (day, month), "k1": (None, month), "k2": (None, None), "k3": (day, None)}
    chain = {"k0": ("k0",), "k1": ("k1", "k0"), "k2": ("k2", "k1", "k0"), "k3": ("k3",)}
    asked: dict[str, tuple[str, int, int]] = {}  # job -> key, day, what it holds or cost
    for number, (key, nano, day_of, ends) in enumerate(steps):
        names = chain[f"k{key}"]
        counted = tuple(Counted(name, *caps[name]) for name in names)
        at_ms = NOON + day_of * DAY_MS
        order = hold(alice, f"j{number}", nano=nano, at_ms=at_ms, counted=counted)
        answer = book.carry_out(order)
        fits = all(_fits(asked, chain, name, caps[name], day_of, nano) for name in names)
        assert isinstance(answer, Held) == (fits or not nano), (answer, asked)
        if isinstance(answer, Held):
            asked[f"j{number}"] = (f"k{key}", day_of, nano)
        if asked and ends < 0.5:
            job = list(asked)[int(ends * 2 * len(asked))]
            key_of, day_then, holds = asked[job]
            if book.carry_out(settle(alice, job, holds // 2)) == Done():
                asked[job] = (key_of, day_then, holds // 2)
    due: dict[tuple[str, str], int] = {}
    for used, when, cost in asked.values():
        for purse in purses(chain[used], NOON + when * DAY_MS):
            due[purse] = due.get(purse, 0) + cost
    assert {purse: nano for purse, nano in book.spend.nano.items() if nano} == {k: n for k, n in due.items() if n}


def _fits(
    asked: dict[str, tuple[str, int, int]],
    chain: dict[str, tuple[str, ...]],
    name: str,
    caps: tuple[int | None, int | None],
    day: int,
    nano: int,
) -> bool:
    """Days are counted from the first of December 2026."""
    mine = [(when, cost) for key, when, cost in asked.values() if name in chain[key]]
    on_day = sum(cost for when, cost in mine if when == day)
    in_month = sum(cost for when, cost in mine if (when >= 31) == (day >= 31))
    return all(cap is None or spent + nano <= cap for cap, spent in zip(caps, (on_day, in_month), strict=True))
