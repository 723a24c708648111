from coordinator.ledger.claims import Claimed, Claims
from coordinator.ledger.orders import Claim, Keep, Mark, Release

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


def test_a_request_in_rounds_goes_on_where_it_stands_and_its_key_is_named_by_its_first_hold() -> None:
    follows = Claim("a", "k", "f", 0, 9, instead_of="dead")
    other = claims("dead", mark=b"here")
    assert not other.follow(CLAIM), "it is not said whose it was"
    assert other.follow(follows)
    assert other.known["a", "k"] == Claimed("f", 0, "j", "me", 9, mark=b"here")
    assert other.follow(follows), "said again"
    assert not claims("dead", state="done").follow(follows)
    none = Claims("me", frozenset({"me"}))
    assert not none.follow(follows), "it came to nothing meanwhile"
    none.take(CLAIM, "j.2")
    assert none.known["a", "k"].job == "j"


def test_how_far_it_is_only_who_has_it_says_and_only_while_it_runs() -> None:
    assert not claims("other").change(Mark("a", "k", b"x"))
    mine = claims("me")
    assert mine.change(Mark("a", "k", b"x")) and mine.known["a", "k"].mark == b"x"
    assert mine.change(KEEP) and not mine.change(Mark("a", "k", b"y"))
