from coordinator.scheduler.quarantine import KEEP_S, Quarantine
from coordinator.scheduler.state import Lease, Limits
from tests.coordinator.dispatch.driver import M

TEST = Lease("t", 1, "w", M, "a", since=0)


def test_a_rest_is_over_with_its_time_and_a_passed_test() -> None:
    quarantine = Quarantine(Limits(rest_s=10))
    assert quarantine.may_serve("w")
    quarantine.rest("w", 0)
    assert quarantine.due(9) == []
    assert quarantine.due(10) == ["w"]
    quarantine.begin("w", TEST)
    assert quarantine.due(10) == []
    assert quarantine.tests() == [("w", TEST)]
    assert not quarantine.may_serve("w")
    quarantine.end("w", passed=True)
    assert quarantine.may_serve("w")
    assert quarantine.due(10) == []
    assert quarantine.failures("w") == 1  # until a client's job succeeds


def test_a_test_without_a_verdict_is_made_again() -> None:
    quarantine = Quarantine(Limits(rest_s=10))
    quarantine.rest("w", 0)
    quarantine.begin("w", TEST)
    quarantine.end("w", passed=False)
    assert quarantine.due(10) == ["w"]


def test_pauses_grow_to_their_bound_and_a_success_forgets_them() -> None:
    quarantine = Quarantine(Limits(rest_s=10, rest_max_s=30))
    for now, until in ((0, 10), (100, 120), (200, 230), (300, 330)):
        quarantine.rest("w", now)
        assert quarantine.due(until - 1) == []
        assert quarantine.due(until) == ["w"]
    quarantine.succeeded("w", "m")
    assert quarantine.may_serve("w")
    quarantine.rest("w", 400)
    assert quarantine.due(410) == ["w"]


def test_a_fault_after_a_passed_test_is_the_next_in_the_row() -> None:
    quarantine = Quarantine(Limits(rest_s=10))
    quarantine.rest("w", 0)
    quarantine.end("w", passed=True)
    quarantine.rest("w", 100)
    assert not quarantine.may_serve("w")
    assert quarantine.due(119) == []
    assert quarantine.due(120) == ["w"]


def test_rests_are_forgotten_long_after_they_ended() -> None:
    quarantine = Quarantine(Limits(rest_s=10, rest_max_s=20))
    quarantine.rest("w", 0)
    quarantine.forget(9 + KEEP_S)
    assert quarantine.failures("w") == 1
    quarantine.forget(11 + KEEP_S)
    assert quarantine.may_serve("w")


def test_a_rest_that_was_only_inherited_goes_with_its_worker() -> None:
    """New ids are free: before, each was kept for an hour, and all of them were looked through four times a second."""
    quarantine = Quarantine(Limits(rest_s=10))
    quarantine.rest("mallory/0", 0)
    for number in range(1, 1000):
        quarantine.inherit(name := f"mallory/{number}")
        assert not quarantine.may_serve(name)
        quarantine.left(name)
    assert quarantine.waiting(5) == {"mallory/0": 5}


def test_a_rest_of_its_own_stays_when_its_worker_leaves() -> None:
    quarantine = Quarantine(Limits(rest_s=10))
    quarantine.rest("mallory/0", 0)
    quarantine.inherit("mallory/1")
    quarantine.rest("mallory/1", 20)
    quarantine.left("mallory/1")
    quarantine.left("mallory/0")
    assert not quarantine.may_serve("mallory/0") and not quarantine.may_serve("mallory/1")


# ---- several replicas ------------------------------------------------------------------------------------------------


def tell(teller: Quarantine, hearer: Quarantine, at: float, late_s: float = 0.1) -> None:
    for news in teller.take_news(at):
        hearer.heard(news, at + late_s)


def two() -> tuple[Quarantine, Quarantine]:
    return Quarantine(Limits(rest_s=10)), Quarantine(Limits(rest_s=10))


def test_a_worker_that_rests_at_one_replica_rests_at_all() -> None:
    here, there = two()
    here.rest("w", 0, "m")
    tell(here, there, 0.2)
    assert not there.may_serve("w") and there.model("w") == "m"
    assert there.due(9.9) == [] and there.due(10.2) == ["w"]
    assert there.take_news(1) == here.take_news(1) == [], "what was heard is not told again"


def test_the_rest_that_ends_later_counts_in_whichever_order_they_are_heard() -> None:
    here, there = two()
    here.rest("w", 0)
    there.rest("w", 5)
    tell(here, there, 5)
    tell(there, here, 5)
    for each in (here, there):
        assert each.due(14.9) == [] and each.due(15.2) == ["w"]


def test_a_test_that_was_passed_at_the_worker_s_new_replica_counts_at_its_old_one() -> None:
    here, there = two()
    here.rest("w", 0)
    tell(here, there, 0)
    there.begin("w", TEST)
    there.end("w", passed=True)
    tell(there, here, 11)
    assert here.may_serve("w") and here.failures("w") == 1
    there.succeeded("w", "m")
    tell(there, here, 12)
    assert here.failures("w") == 0


def test_an_old_success_does_not_end_a_rest_that_began_since() -> None:
    here, there = two()
    for each in (here, there):
        each.rest("w", 0)
    here.end("w", passed=True)
    here.succeeded("w", "m")
    there.rest("w", 20)
    tell(here, there, 20)
    assert not there.may_serve("w")


def test_a_test_that_runs_here_is_not_taken_away_by_what_others_say() -> None:
    here, there = two()
    for each in (here, there):
        each.rest("w", 0)
    there.begin("w", TEST)
    here.end("w", passed=True)
    here.succeeded("w", "m")
    tell(here, there, 10)
    there.end("w", passed=True)
    assert there.may_serve("w")


def test_a_rest_is_told_again_where_its_fault_was_and_while_it_lasts() -> None:
    here, there = two()
    here.rest("g/w", 0)
    here.inherit("g/v")
    (news,) = here.lasting(1)
    assert news.worker == "g/w" and here.lasting(10) == []
    there.heard(news, 1)
    assert there.waiting(1) == {"g/w": 9} and there.lasting(1) == []
    there.end("g/w", True)
    there.rest("g/w", 20)
    assert [news.worker for news in there.lasting(21)] == ["g/w"]


def test_a_replica_that_joins_hears_of_all_rests_but_inherited_ones() -> None:
    here, there = two()
    here.rest("mallory/0", 0)
    here.inherit("mallory/1")
    for news in here.standing(4):
        there.heard(news, 4)
    assert there.waiting(4) == {"mallory/0": 6}
