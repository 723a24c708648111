from coordinator.ledger.claims import Claimed, Claims
from coordinator.ledger.orders import Claim, Keep, Release

CLAIM, KEEP = Claim("a", "k", "f", 0, 1), Keep("a", "k", "text/plain", b"", "[]", 2)


def claims(edge: str, **other: object) -> Claims:
    claimed = Claimed("f", 0, "j", edge, 1, **other)  # type: ignore[arg-type]
    return Claims("me", frozenset({"me", "i was"}), {("a", "k"): claimed})


def test_a_key_is_free_or_ones_own_or_that_of_the_dead_who_is_named() -> None:
    assert Claims("me", frozenset({"me"})).admits(CLAIM)
    assert claims("i was").admits(CLAIM)
    assert not claims("other").admits(CLAIM)
    assert claims("other").admits(Claim("a", "k", "f", 0, 1, instead_of="other"))
    assert not claims("me", state="done").admits(CLAIM)


def test_only_whose_it_is_says_what_becomes_of_it_and_only_once() -> None:
    for order in (KEEP, Release("a", "k")):
        assert not claims("other").change(order)
        assert claims("i was").change(order)
    mine = claims("me")
    assert mine.change(KEEP) and mine.known["a", "k"].kept == KEEP
    assert not mine.change(Release("a", "k"))


def test_a_claim_that_is_made_again_stays_as_it_is_and_another_attempt_follows() -> None:
    mine = claims("me")
    mine.take(CLAIM, "j")
    assert mine.known == mine.before
    mine.take(Claim("a", "k", "f", 1, 9), "j1")
    assert mine.known["a", "k"] == Claimed("f", 1, "j1", "me", 9)
